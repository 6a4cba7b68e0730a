import logging
import os
import stat
from types import SimpleNamespace

import pytest
from glance_store import exceptions

from imagesvc.store import datadirs


def _roots(found):
    return [(item.directory.root, item.priority) for item in found]


def test_the_default_is_used_when_nothing_is_set():
    assert _roots(datadirs.parse(None, [], "/default")) == [("/default", 0)]
    assert _roots(datadirs.parse("/one/", None, "/default")) == [("/one", 0)]


def test_priorities_order_the_directories():
    found = datadirs.parse(None, ["/a", "/b:10", " /c : 5 ", "/d:", "/b:10"], "/default")
    assert _roots(found) == [("/b", 10), ("/c", 5), ("/a", 0), ("/d", 0)]


@pytest.mark.parametrize(
    ("datadir", "many"), [("/a", ["/b"]), (None, ["/a:high"]), (None, [":5x"]), (None, [""]), (None, ["/a:1", "/a:2"])]
)
def test_contradictions_are_refused(datadir, many):
    with pytest.raises(exceptions.BadStoreConfiguration):
        datadirs.parse(datadir, many, "/default")


def test_directories_are_made_for_the_service_alone(tmp_path):
    old = os.umask(0o022)
    try:
        datadirs.prepare(datadirs.parse(str(tmp_path / "a" / "images"), None, ""), None)
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a" / "images").stat().st_mode) == 0o750
    assert (tmp_path / "a" / "images" / ".staging").is_dir()


def test_readers_of_files_may_search_the_directory(tmp_path):
    tmp_path.chmod(0o700)
    datadirs.prepare(datadirs.parse(str(tmp_path), None, ""), 0o644)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o711


def test_a_world_writable_directory_is_reported_and_left(tmp_path, caplog):
    tmp_path.chmod(0o777)
    with caplog.at_level(logging.WARNING):
        datadirs.prepare(datadirs.parse(str(tmp_path), None, ""), None)
    assert "writable by everybody" in caplog.text
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o777


def test_what_is_no_directory_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(exceptions.BadStoreConfiguration, match="file"):
        datadirs.prepare(datadirs.parse(str(tmp_path / "file"), None, ""), None)


def test_a_directory_without_permission_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(exceptions.BadStoreConfiguration, match="permission"):
        datadirs.prepare(datadirs.parse(str(tmp_path), None, ""), None)


def test_the_best_directory_has_priority_then_room(monkeypatch):
    room = {"/a": 100, "/b": 50, "/c": 80}
    monkeypatch.setattr(os, "statvfs", lambda path: SimpleNamespace(f_bavail=room[path], f_bsize=1))
    found = datadirs.parse(None, ["/a", "/b:1", "/c:1"], "")
    assert datadirs.choose(found, 10).root == "/c"
    assert datadirs.choose(found, 90).root == "/a"
    assert datadirs.choose(found, 0).root == "/c"
    with pytest.raises(exceptions.StorageFull):
        datadirs.choose(found, 101)
    room.update({"/a": 0, "/b": 0, "/c": 0})
    with pytest.raises(exceptions.StorageFull):
        datadirs.choose(found, 0)
