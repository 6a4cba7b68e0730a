"""Real database servers, started for the tests and gone after them.

A test that asks for ``server`` runs on each kind; inside ``on_server`` the fixtures of other suites make their databases there.
"""

from pathlib import Path

import pytest

from tests.fixtures import database, servers
from tests.fixtures import keystone as identities
from tests.fixtures.daemons import deployed
from tests.fixtures.images import ImageClient

_FUNCTIONAL = Path(__file__).parents[1] / "functional"
#: They are about tools/serve, which knows SQLite alone.
_NOT_ON_SERVERS = {"test_readme.py", "test_serve.py"}


class _FunctionalSuite(pytest.Directory):
    """A directory with the modules of another one, whose fixtures are its own."""

    def collect(self):
        for path in sorted(_FUNCTIONAL.glob("test_*.py")):
            if path.name not in _NOT_ON_SERVERS:
                yield pytest.Module.from_parent(self, path=path)


def pytest_collect_directory(path, parent):
    return _FunctionalSuite.from_parent(parent, path=path) if path.name.startswith("functional") else None


@pytest.fixture(scope="session")
def mariadb():
    with servers.started(servers.MariaDB) as server:
        yield server


@pytest.fixture(scope="session")
def postgresql():
    with servers.started(servers.PostgreSQL) as server:
        yield server


@pytest.fixture(scope="session", params=["mariadb", "postgresql"])
def server(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def on_server(server):
    """Lasts no longer than its module, so that tests of SQLite in the same run stay what they are."""
    with database.on(server):
        yield server


@pytest.fixture(scope="session")
def keystone():
    with identities.running() as running:
        yield running


@pytest.fixture(scope="session")
def memcached():
    server = identities.Memcached()
    yield server
    server.close()


@pytest.fixture(scope="session")
def identified(keystone, memcached, tmp_path_factory):
    """The service as installation guides set it up: in the catalog, with tokens cached in memcached."""
    options = {"paste_deploy": {"flavor": "keystone"}, "keystone_authtoken": keystone.options(memcached)}
    with deployed(tmp_path_factory.mktemp("identified"), options) as deployment:
        keystone.publish(deployment.url)
        yield deployment


@pytest.fixture(scope="session")
def people(keystone):
    """Who the tests are about, by name: two projects, and every role."""
    return {
        "admin": keystone.admin,
        "member": keystone.user("alice", "red", "member"),
        "reader": keystone.user("rita", "red", "reader"),
        "guest": keystone.user("gus", "red", "guest"),
        "stranger": keystone.user("bob", "blue", "member"),
        "service": keystone.glance,
    }


@pytest.fixture(scope="session")
def client_of(identified, keystone, people):
    """A function that makes a client of the Images API with a token of somebody."""

    def make(name, **kwargs):
        client = ImageClient(identified.url)
        client.session.headers["X-Auth-Token"] = keystone.token(people[name], **kwargs)
        return client

    return make
