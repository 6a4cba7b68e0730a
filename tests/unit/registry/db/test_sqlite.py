import logging
import os
import stat

import pytest
from sqlalchemy.engine import make_url

from imagesvc import exception
from imagesvc.registry.db import sqlite
from tests.fixtures import database


def _mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def open_umask():
    old = os.umask(0)
    yield
    os.umask(old)


def test_the_world_cannot_read_what_is_made(tmp_path, open_umask):
    path = tmp_path / "state" / "glance.sqlite"
    sqlite.create_file(make_url(f"sqlite:///{path}"))
    assert _mode(path) == 0o640
    assert _mode(path.parent) == 0o750


def test_files_beside_it_are_no_more_open(tmp_path, open_umask):
    conf = database.make_conf(tmp_path / "state")
    with database.changing(conf) as connection:
        connection.exec_driver_sql("CREATE TABLE t (x)")
        modes = {path.name: _mode(path) for path in (tmp_path / "state").iterdir()}
    assert modes == {f"glance.sqlite{end}": 0o640 for end in ("", "-wal", "-shm")}


def test_an_existing_file_is_left_alone(tmp_path):
    path = tmp_path / "glance.sqlite"
    path.write_bytes(b"data")
    path.chmod(0o600)
    sqlite.create_file(make_url(f"sqlite:///{path}"))
    assert (path.read_bytes(), _mode(path)) == (b"data", 0o600)


def test_root_leaves_the_file_to_the_owner_of_its_directory(tmp_path, monkeypatch):
    given = []
    monkeypatch.setattr(sqlite.os, "geteuid", lambda: 0)
    monkeypatch.setattr(sqlite.os, "chown", lambda path, user, group: given.append((path, user, group)))
    path = tmp_path / "glance.sqlite"
    sqlite.create_file(make_url(f"sqlite:///{path}"))
    owner = tmp_path.stat()
    assert given == [(path, owner.st_uid, owner.st_gid)]


def test_a_place_that_cannot_be_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(exception.ConfigurationError, match=r"file/glance\.sqlite"):
        sqlite.create_file(make_url(f"sqlite:///{tmp_path}/file/glance.sqlite"))


def test_names_with_signs_of_their_own_in_urls(tmp_path):
    conf = database.make_conf(tmp_path / "50% off? #1")
    with database.changing(conf) as connection:
        connection.exec_driver_sql("CREATE TABLE t (x)")
    assert (tmp_path / "50% off? #1" / "glance.sqlite").exists()


@pytest.mark.parametrize(("option", "level"), [(0, logging.WARNING), (50, logging.INFO), (100, logging.DEBUG)])
def test_connection_debug_sets_the_verbosity(tmp_path, option, level):
    conf = database.make_conf(tmp_path)
    conf.set_override("connection_debug", option, "database")
    url = make_url(f"sqlite:///{tmp_path}/x")
    sqlite.create_engine(url, conf.database, lock_seconds=1, foreign_keys=True)
    assert logging.getLogger("sqlalchemy.engine").level == level
    logging.getLogger("sqlalchemy.engine").setLevel(logging.NOTSET)
