"""An upload that is ended, and cleaned up behind, before its first byte is on disk: real registry, real store, one process."""

import pytest

from imagesvc import exception
from imagesvc.data.audit import Audit
from imagesvc.data.janitor import Janitor
from tests.fixtures.registry import make_registry
from tests.fixtures.rpc import make_context
from tests.fixtures.stores import Service, Source

USER = make_context(roles=["admin"])


class Slow(Service):
    """An API process that stands still between the registry's leave and its first byte, and again before it completes."""

    def __init__(self, directory, registry, meanwhile):
        super().__init__(directory, registry=registry.api)
        self.janitor = Janitor(registry.api, self.stores, self.conf, "host")
        self.audit = Audit(registry.api, self.stores, 3600)
        add = self.stores.add

        def add_late(*arguments):
            meanwhile()
            assert self.janitor.run_once() == 1
            blob = add(*arguments)
            self.audit.release_settled()
            return blob

        self.stores.add = add_late


@pytest.fixture
def registry(tmp_path):
    return make_registry(tmp_path / "registry")


def test_nothing_stays_of_an_image_that_was_deleted(tmp_path, registry):
    image = registry.image(USER)
    slow = Slow(tmp_path, registry, lambda: registry.api.image_delete(USER, image))
    with pytest.raises(exception.ImageGone):
        slow.uploads.upload(USER, image, Source(b"late"))
    assert slow.files() == []
    assert slow.janitor.run_once() == 0


def test_nothing_is_in_the_way_of_the_next_upload(tmp_path, registry):
    image = registry.image(USER)
    slow = Slow(tmp_path, registry, lambda: registry.api.uploads_abort_worker(USER, "worker"))
    with pytest.raises(exception.UploadFenced):
        slow.uploads.upload(USER, image, Source(b"late"))
    assert slow.files() == []
    next_one = Service(tmp_path, registry=registry.api)
    assert next_one.uploads.upload(USER, image, Source(b"data")).status == "active"
    assert next_one.files() == [image]


def test_the_janitor_removes_what_is_given_up_and_not_removed(tmp_path, registry, monkeypatch):
    image = registry.image(USER)
    slow = Slow(tmp_path, registry, lambda: registry.api.uploads_abort_worker(USER, "worker"))
    discard = slow.stores.discard

    def die_with_data(*arguments):
        if slow.files():
            raise exception.StoreUnavailable("the process dies here")
        discard(*arguments)

    monkeypatch.setattr(slow.stores, "discard", die_with_data)
    with pytest.raises(exception.UploadFenced):
        slow.uploads.upload(USER, image, Source(b"late"))
    monkeypatch.undo()
    assert len(slow.files()) == 2
    with pytest.raises(exception.Conflict, match="is being removed"):
        Service(tmp_path, registry=registry.api).uploads.upload(USER, image, Source(b"data"))
    assert slow.janitor.run_once() == 1
    assert slow.files() == []
