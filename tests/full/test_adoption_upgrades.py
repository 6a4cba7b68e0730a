"""Databases that older releases of Glance have made, or that were left half-way: upgraded while they are adopted."""

# ruff: noqa: S608 - statements of the test's own

import subprocess

import pytest

from tests.fixtures import peer, servers
from tests.fixtures.daemons import BIN
from tests.fixtures.peer_database import Shared

pytestmark = pytest.mark.timeout(1800)

SYNCED = "Database is synced successfully."
IMAGE = "a0000000-0000-4000-8000-000000000001"
#: Rows as these releases leave them.
ROWS = [
    (
        "INSERT INTO images (id, name, status, visibility, created_at, updated_at, deleted, min_disk, min_ram, protected, os_hidden, "
        "disk_format, container_format, size, checksum, os_hash_algo, os_hash_value, owner) VALUES "
        f"('{IMAGE}', 'Größe', 'active', 'shared', '2022-04-01 10:00:00', '2022-04-02 10:00:00', 0, 1, 2, 0, 0, "
        "'raw', 'bare', 3, REPEAT('c', 32), 'sha512', REPEAT('d', 128), 'alice')"
    ),
    (
        "INSERT INTO image_properties (image_id, name, value, created_at, deleted) VALUES "
        f"('{IMAGE}', 'größe', REPEAT('v', 65000), '2022-04-01 10:00:00', 0), ('{IMAGE}', 'empty', '', '2022-04-01 10:00:00', 0)"
    ),
    f"INSERT INTO image_tags (image_id, value, created_at, deleted) VALUES ('{IMAGE}', 't', '2022-04-01 10:00:00', 0)",
    (
        "INSERT INTO image_locations (image_id, value, meta_data, status, created_at, deleted) VALUES "
        f"""('{IMAGE}', 'file:///x', '{{"store": "fs"}}', 'active', '2022-04-01 10:00:00', 0)"""
    ),
    (
        "INSERT INTO image_members (image_id, member, can_share, status, created_at, deleted) VALUES "
        f"('{IMAGE}', 'bob', 0, 'accepted', '2022-04-01 10:00:00', 0)"
    ),
    "INSERT INTO tasks (id, type, status, owner, created_at, deleted) VALUES ('t1', 'import', 'success', 'alice', '2022-04-01', 0)",
    "INSERT INTO task_info (task_id, input, result) VALUES ('t1', '{\"a\": 1}', 'null')",
    "INSERT INTO metadef_namespaces (namespace, owner, created_at) VALUES ('Sizes', 'alice', '2022-04-01')",
]


@pytest.fixture(scope="module")
def mariadb():
    with servers.started(servers.MariaDB) as server:
        yield server


@pytest.fixture(scope="module")
def glance(mariadb, tmp_path_factory):
    """The newest Glance, and the schema it makes."""
    return _Glance(mariadb, tmp_path_factory.mktemp("glance"))


class _Glance:
    def __init__(self, mariadb, directory):
        database = Shared.make(mariadb)
        self.peer = peer.Peer(directory / "peer", peer.shared_options(directory, database.url, "http://127.0.0.1:1/"))
        self.peer.manage("db", "sync")
        self.schema = database.schema()

    def on(self, database):
        """Its glance-manage, for another database."""
        self.peer.shared["database"]["connection"] = database.url
        self.peer.configure()
        return self.peer


@pytest.fixture
def database(mariadb):
    return Shared.make(mariadb)


@pytest.fixture
def config(tmp_path, database):
    return peer.write_config(
        tmp_path / "glance-api.conf", {"DEFAULT": {"state_path": tmp_path}, "database": {"connection": database.url}}
    )


@pytest.fixture
def manage(config):
    """Our glance-manage: exit code, and all it said."""

    def run(*words):
        command = [BIN / "glance-manage", "--config-file", config, *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout + done.stderr

    return run


@pytest.mark.parametrize(("series", "revision"), [("2023.1", "2023_1_contract01"), ("yoga", "wallaby_contract01")])
def test_an_older_database_is_upgraded_on_the_way(series, revision, database, config, manage, glance):
    peer.manage_older(series, config, "db", "sync")
    assert database.execute("SELECT version_num FROM alembic_version") == [(revision,)]
    for statement in ROWS:
        database.execute(statement)
    columns = database.columns()
    del columns["alembic_version"]
    rows = database.rows(columns)
    assert len(rows["image_properties"]) == 2

    assert manage("db", "check")[0] == 3
    exit_code, said = manage("db_sync")
    assert (exit_code, SYNCED in said) == (0, True)
    assert database.rows(columns) == rows
    assert manage("release")[0] == 0
    assert database.schema() == glance.schema
    assert "Database is up to date" in glance.on(database).manage("db", "check")
    assert database.rows(columns) == rows


def test_a_database_that_glance_has_expanded_and_not_contracted(database, config, manage, glance):
    peer.manage_older("2023.1", config, "db", "sync")
    newest = glance.on(database)
    newest.manage("db", "expand")
    newest.manage("db", "check", exit_code=5)
    for statement in ROWS:
        database.execute(statement)
    assert manage("db_sync")[0] == 0
    assert manage("release")[0] == 0
    assert database.schema() == glance.schema
    assert "Database is up to date" in newest.manage("db", "check")


def test_a_revision_that_is_yet_to_come_is_refused(database, manage, glance):
    glance.on(database).manage("db", "sync")
    database.execute("UPDATE alembic_version SET version_num = '2031_2_contract01'")
    before = database.schema()
    for words in (("db_sync",), ("db", "expand"), ("db", "check")):
        exit_code, said = manage(*words)
        assert exit_code == 1
        assert "Revision 2031_2_contract01 is not known to this release" in said
    assert database.schema() == before


def test_a_database_of_sqlalchemy_migrate_is_refused_with_the_way_to_go(database, manage, glance):
    glance.on(database).manage("db", "sync")
    database.execute("DROP TABLE alembic_version")
    database.execute("CREATE TABLE migrate_version (repository_id VARCHAR(250), repository_path TEXT, version INTEGER)")
    database.execute("INSERT INTO migrate_version VALUES ('Glance Migrations', '/', 39)")
    before = database.schema()
    exit_code, said = manage("db_sync")
    assert exit_code == 1
    assert "version 39 of sqlalchemy-migrate; bring it to version 42 (Liberty) with 'glance-manage db_sync'" in said
    assert database.schema() == before


@pytest.mark.parametrize("status", ["saving", "uploading", "importing"])
def test_while_glance_writes_an_image_its_database_is_not_taken_over(status, database, manage, glance):
    glance.on(database).manage("db", "sync")
    database.execute(ROWS[0])
    database.execute(f"UPDATE images SET status = '{status}'")
    before = database.schema()
    exit_code, said = manage("db_sync")
    assert exit_code == 1
    assert f"1 image is being written: {IMAGE} ({status}). Let Glance finish and stop it first" in said
    assert database.schema() == before
    exit_code, said = manage("db_sync", "--force")
    assert (exit_code, SYNCED in said) == (0, True)
