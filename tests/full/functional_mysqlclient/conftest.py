"""The functional suite on MariaDB through mysql:// and mysqlclient; tests/integration has it with PyMySQL."""

import os

import pytest

from tests.fixtures import database, mariadb, servers
from tests.fixtures.daemons import deployed
from tests.functional.conftest import *  # noqa: F403


class _Server(servers.MariaDB):
    def url(self, database, scheme="mysql"):
        return super().url(database, scheme)


@pytest.fixture(scope="session")
def server():
    with pytest.MonkeyPatch.context() as patch, servers.started(_Server) as server:
        patch.setenv("PYTHONPATH", str(mariadb.mysqlclient()), prepend=os.pathsep)
        yield server


@pytest.fixture(scope="module", autouse=True)
def _on_server(server):
    with database.on(server):
        yield


@pytest.fixture(scope="session")
def service(server, tmp_path_factory):
    with database.on(server):
        url = database.new_url()
    with deployed(tmp_path_factory.mktemp("service"), database_url=url) as deployment:
        yield deployment
        assert "using PyMySQL" not in deployment.log("glance-registry")
