"""Real database servers, started for the tests and gone after them.

A test that asks for ``server`` runs on each kind; inside ``on_server`` the fixtures of other suites make their databases there.
"""

import pytest

from tests.fixtures import database, servers


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
