"""How a database may be written in the configuration, and what happens while what is written there does not work."""

import re
from pathlib import Path
from urllib.parse import quote

import pytest
import requests

from imagesvc import exception
from tests.fixtures import database, load
from tests.fixtures import mariadb as drivers
from tests.fixtures.daemons import Deployment, deployed, wait_for
from tests.fixtures.images import ImageClient
from tests.fixtures.registry import on_database
from tests.fixtures.rpc import lose_answer, make_context
from tests.fixtures.server import PASSWORD, USER

MEMBER = make_context(roles=["member", "reader"], project_id="p1")
ODD_PASSWORD = "p@s:s/w?o#r%d $é"

URLS = {
    "mariadb": [
        f"mysql://{USER}:{PASSWORD}@127.0.0.1:{{port}}/{{name}}?charset=utf8",
        f"mysql+pymysql://{USER}:{PASSWORD}@/{{name}}?unix_socket={{directory}}/socket",
        f"mariadb://{USER}:{PASSWORD}@127.0.0.1:{{port}}/{{name}}",
    ],
    "postgresql": [
        f"postgres://{USER}:{PASSWORD}@127.0.0.1:{{port}}/{{name}}",
        f"postgresql://{USER}:{PASSWORD}@/{{name}}?host={{directory}}&port={{port}}",
        f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{{port}}/{{name}}?client_encoding=utf8",
    ],
}


@pytest.mark.parametrize("number", range(3))
def test_a_url_as_guides_write_it(on_server, tmp_path, number):
    with on_server.databases_removed():
        conf = database.make_current(tmp_path)
        name = conf.database.connection.rpartition("/")[2]
        url = URLS[on_server.name][number].format(port=on_server.port, directory=on_server.directory, name=name)
        conf.set_override("connection", url, "database")
        registry = on_database(conf)
        try:
            _work(registry)
        finally:
            registry.database.dispose()


def _work(registry):
    image_id = registry.image(MEMBER, name="naïve 雲")
    assert registry.api.image_get(MEMBER, image_id).name == "naïve 雲"
    registry.caller.pool.mishaps = [lose_answer]
    registry.api.image_patch(MEMBER, image_id, [{"op": "add", "path": ["p"], "value": "v"}])
    assert registry.rows("SELECT version FROM images") == [(1,)]
    try:
        registry.image(MEMBER, name="\N{GRINNING FACE}")
    except exception.Invalid:
        assert "mysql" in registry.conf.database.connection or "mariadb" in registry.conf.database.connection


# -- a start too early -------------------------------------------------------------------------------


class Late:
    """A user and a database that are made after the service was started."""

    def __init__(self, server):
        self._server = server
        self.name = f"glance_late_{server.name}"
        scheme = "mysql+pymysql" if server.name == "mariadb" else "postgresql+psycopg2"
        self.url = f"{scheme}://{self.name}:{quote(ODD_PASSWORD, safe='')}@127.0.0.1:{server.port}/{self.name}"

    def create_user(self, password):
        if self._server.name == "mariadb":
            self._server.execute(f"CREATE OR REPLACE USER {self.name} IDENTIFIED BY '{password}'")
            self._server.execute(f"GRANT ALL ON {self.name}.* TO {self.name}")
        else:
            self._server.execute(f"CREATE ROLE {self.name} LOGIN PASSWORD '{password}'")

    def change_password(self, password):
        by = "IDENTIFIED BY" if self._server.name == "mariadb" else "PASSWORD"
        kind = "USER" if self._server.name == "mariadb" else "ROLE"
        self._server.execute(f"ALTER {kind} {self.name} {by} '{password}'")

    def create_database(self):
        owner = "" if self._server.name == "mariadb" else f" OWNER {self.name}"
        self._server.execute(f"CREATE DATABASE {self.name}{owner}")


@pytest.fixture
def late(server):
    made = Late(server)
    yield made
    server.drop(made.name)


@pytest.fixture
def service(tmp_path, late):
    made = Deployment(tmp_path, database_url=late.url)
    yield made
    made.close()


def test_what_is_missing_at_the_start_may_come_later(server, late, service):
    """The server, then the password, then the database, then the tables; nothing is restarted."""
    service.configure()
    api = ImageClient(service.url)
    server.stop()
    service.start_registry(wait=False)
    service.start_api()
    _refuses(api, service, "unavailable")
    server.start()
    late.create_user("another one")
    wait_for("refused login", lambda: re.search("Access denied|authentication failed", service.log("glance-registry")))
    _refuses(api, service, "unavailable")
    late.change_password(ODD_PASSWORD)
    _refuses(api, service, "db_sync")
    late.create_database()
    _refuses(api, service, "db_sync")
    service.manage("db_sync")
    wait_for("service", lambda: api.create().status_code == 201)
    wait_for("healthy registry", lambda: _health(service).status_code == 200)
    log = service.log("glance-registry") + service.log("glance-api")
    assert not any(secret in log for secret in (ODD_PASSWORD, quote(ODD_PASSWORD, safe=""), quote(ODD_PASSWORD)))


def _refuses(api, service, words):
    def answer():
        response = api.list()
        assert response.status_code == 503, response.text
        assert int(response.headers["Retry-After"]) > 0
        return words in response.text

    wait_for(f"503 with {words}", answer)
    wait_for(f"unhealthy registry with {words}", lambda: words in _health(service).text)


def _health(service):
    return requests.get(f"{service.registry_url}/healthcheck", timeout=60)


# -- mysqlclient -------------------------------------------------------------------------------------


def _maps(service):
    """What is loaded into glance-registry's processes."""
    return "".join(Path(f"/proc/{pid}/maps").read_text() for pid in service.workers("glance-registry"))


def _said(service):
    return service.log("glance-registry").count("mysqlclient is not installed; using PyMySQL")


def test_mysql_without_a_driver_means_mysqlclient_where_it_is_installed(mariadb, tmp_path):
    name = mariadb.create()
    url = f"mysql://{USER}:{PASSWORD}@/{name}?unix_socket={mariadb.directory}/socket"
    environment = {"PYTHONPATH": str(drivers.mysqlclient())}
    with deployed(tmp_path, environment=environment, database_url=url) as service:
        with load.running(service, clients=4, with_data=True) as clients:
            clients.wait_for_progress()
            mariadb.cut_connections()
            clients.wait_for_progress()
            with mariadb.full():
                clients.wait_for_refusal()
            clients.wait_for_progress()
        clients.check()
        clients.check_data()
        assert "/_mysql." in _maps(service)
        assert _said(service) == 0


def test_and_pymysql_where_it_is_not(mariadb, tmp_path):
    url = mariadb.url(mariadb.create(), scheme="mysql")
    with deployed(tmp_path, database_url=url) as service:
        ImageClient(service.url).created()
        assert "/_mysql." not in _maps(service)
        assert _said(service) == 1
