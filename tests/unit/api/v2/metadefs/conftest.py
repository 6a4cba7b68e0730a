import pytest

from tests.fixtures import api

NAMESPACES = "/v2/metadefs/namespaces"


class Client:
    """Requests of an administrator without a project; ``calls`` as of the service's."""

    def __init__(self, service):
        self._service = service

    def __call__(self, method, path, body=None, **more):
        return self._service.request(method, path, body, **more)

    @property
    def calls(self):
        return self._service.calls


@pytest.fixture
def ask(tmp_path):
    return Client(api.make_service(tmp_path / "state"))


@pytest.fixture
def namespace(ask):
    """The URL of a namespace that is empty."""
    created = ask("POST", NAMESPACES, {"namespace": "N", "visibility": "public"})
    assert created.status_int == 201
    assert ask.calls == ["metadef_namespace_create"]
    return created.json["self"]
