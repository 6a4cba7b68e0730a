import io
import json
import os
import stat
from pathlib import Path

import pytest
from glance_store import exceptions, location

from imagesvc.store import filesystem
from tests.fixtures.stores import IMAGE, make_conf, sums


def _store(tmp_path, ini=""):
    conf = make_conf(tmp_path, f"[glance_store]\n{ini}")
    store = filesystem.Store(conf)
    store.configure()
    return store


def _images(tmp_path):
    return tmp_path / "state" / "images"


def _location(store, url):
    return location.Location("file", filesystem.StoreLocation, store.conf, uri=url)


def test_it_is_a_glance_store_driver(tmp_path):
    """As a caller that knows only glance_store's contract uses it."""
    store = _store(tmp_path)
    url, size, checksum, value, metadata = store.add(IMAGE, io.BytesIO(b"data"), 4, "sha256")
    assert (url, size, metadata) == (f"file://{_images(tmp_path)}/{IMAGE}", 4, {})
    assert (checksum, value) == sums(b"data", "sha256")
    where = _location(store, url)
    assert where.get_store_uri() == url
    assert store.get_size(where) == 4
    chunks, size = store.get(where)
    assert (b"".join(chunks), size) == (b"data", 4)
    chunks, size = store.get(where, offset=1, chunk_size=2)
    assert (b"".join(chunks), size) == (b"at", 2)
    assert list((_images(tmp_path) / ".staging").iterdir()) == []
    store.delete(where)
    with pytest.raises(exceptions.NotFound):
        store.delete(where)
    with pytest.raises(exceptions.NotFound):
        store.get(where)


def test_a_plain_reader_is_verified_and_a_short_one_leaves_nothing(tmp_path):
    store = _store(tmp_path)
    seen = []

    class Verifier:
        update = seen.append

    with pytest.raises(exceptions.Invalid):
        store.add(IMAGE, io.BytesIO(b"data"), 5, "sha256", verifier=Verifier())
    assert seen == [b"data"]
    assert [path for path in _images(tmp_path).rglob("*") if path.is_file()] == []


def test_an_existing_file_is_a_duplicate(tmp_path):
    store = _store(tmp_path)
    store.add(IMAGE, io.BytesIO(b"data"), 4, "sha256")
    with pytest.raises(exceptions.Duplicate):
        store.add(IMAGE, io.BytesIO(b"other"), 5, "sha256")
    assert (_images(tmp_path) / IMAGE).read_bytes() == b"data"


@pytest.mark.parametrize(("digits", "mode"), [("0", 0o640), ("-1", 0o640), ("644", 0o644), ("600", 0o600)])
def test_file_modes(tmp_path, digits, mode):
    old = os.umask(0o027)
    try:
        store = _store(tmp_path, f"filesystem_store_file_perm = {digits}\n")
        store.add(IMAGE, io.BytesIO(b"data"), 4, "sha256")
    finally:
        os.umask(old)
    assert stat.S_IMODE((_images(tmp_path) / IMAGE).stat().st_mode) == mode


@pytest.mark.parametrize("digits", ["44", "999", "1777"])
def test_file_modes_that_make_no_sense_disable_writing(tmp_path, digits):
    store = _store(tmp_path, f"filesystem_store_file_perm = {digits}\n")
    with pytest.raises(exceptions.StoreAddDisabled):
        store.add(IMAGE, io.BytesIO(b"data"), 4, "sha256")


def test_a_store_that_cannot_be_written_to_can_be_read(tmp_path, monkeypatch):
    _store(tmp_path).add(IMAGE, io.BytesIO(b"data"), 4, "sha256")
    monkeypatch.setattr(os, "access", lambda *_: False)
    store = _store(tmp_path)
    chunks, _ = store.get(_location(store, f"file://{_images(tmp_path)}/{IMAGE}"))
    assert b"".join(chunks) == b"data"
    with pytest.raises(exceptions.StoreAddDisabled):
        store.add(IMAGE, io.BytesIO(b"data"), 4, "sha256")


def _metadata_file(tmp_path, content):
    path = tmp_path / "metadata.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return f"filesystem_store_metadata_file = {path}\n"


def test_the_mountpoint_that_holds_the_file_is_told(tmp_path):
    points = [
        {"id": "no", "mountpoint": "/elsewhere"},
        {"id": "no", "mountpoint": str(tmp_path)[:-1]},
        {"id": "yes", "mountpoint": str(tmp_path)},
    ]
    store = _store(tmp_path, _metadata_file(tmp_path, points))
    assert store.add(IMAGE, io.BytesIO(b"data"), 4, "sha256")[4] == points[-1]


def test_a_single_mountpoint_elsewhere_is_not_told(tmp_path):
    store = _store(tmp_path, _metadata_file(tmp_path, {"id": "no", "mountpoint": "/elsewhere"}))
    assert store.add(IMAGE, io.BytesIO(b"data"), 4, "sha256")[4] == {}


@pytest.mark.parametrize("content", ["", "{", "5", "[5]", '{"id": "x"}', '{"id": 1, "mountpoint": "/"}'])
def test_a_bad_metadata_file_disables_writing(tmp_path, content):
    store = _store(tmp_path, _metadata_file(tmp_path, content))
    with pytest.raises(exceptions.StoreAddDisabled):
        store.add(IMAGE, io.BytesIO(b"data"), 4, "sha256")


def test_urls_of_other_spellings_are_found(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "alias").symlink_to(tmp_path / "real")
    store = _store(tmp_path, f"filesystem_store_datadir = {tmp_path}/alias\n")
    store.add(IMAGE, io.BytesIO(b"data"), 4, "sha256")
    for url in (f"filesystem://{tmp_path}/alias/{IMAGE}", f"file://{tmp_path}/real//{IMAGE}"):
        assert store.get_size(_location(store, url)) == 4
        assert store.owns(url)


@pytest.mark.parametrize("name", ["", ".staging", "../outside", "sub/file", "."])
def test_only_the_directorys_own_files_are_reached(tmp_path, name):
    store = _store(tmp_path)
    (tmp_path / "state" / "outside").write_bytes(b"secret")
    url = f"file://{_images(tmp_path)}/{name}"
    assert not store.owns(url)
    for operation in (store.get, store.get_size, store.delete):
        with pytest.raises(exceptions.NotFound):
            operation(_location(store, url))
    assert (tmp_path / "state" / "outside").exists()


def test_a_device_is_not_even_opened(tmp_path, monkeypatch):
    store = _store(tmp_path)
    os.mkfifo(_images(tmp_path) / IMAGE)
    where = _location(store, f"file://{_images(tmp_path)}/{IMAGE}")
    monkeypatch.setattr(os, "open", lambda *_: pytest.fail("opened"))
    with pytest.raises(exceptions.NotFound):
        store.get(where)


def test_a_file_replaced_by_a_fifo_between_look_and_open_does_not_hang(tmp_path, monkeypatch):
    store = _store(tmp_path)
    os.mkfifo(_images(tmp_path) / IMAGE)
    where = _location(store, f"file://{_images(tmp_path)}/{IMAGE}")
    regular = Path(__file__).stat()
    monkeypatch.setattr(os, "stat", lambda *_, **__: regular)
    with pytest.raises(exceptions.NotFound):
        store.get(where)


def test_malformed_urls_are_refused(tmp_path):
    store = _store(tmp_path)
    for url in ("file://", "http://host/x", "file:/x"):
        with pytest.raises(exceptions.BadStoreUri):
            _location(store, url)
