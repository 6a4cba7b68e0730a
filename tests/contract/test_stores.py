"""What every store keeps to, whatever driver is behind it.

Each store is given as an opener: a function of a directory that returns the manager, the store's id, and whether it can
be written to.  Read-only stores are fed from behind.
"""

import contextlib
import functools
import http.server
import os
import threading
import uuid

import pytest

from imagesvc import exception, objects
from imagesvc.data.readers import Chain, HashCheck, SizeCheck
from imagesvc.data.url_gate import Gate
from imagesvc.store.manager import StoreManager
from tests.fixtures.stores import IMAGE, MULTI, Source, make_conf, sums

SIZES = (0, 1, 65_536, 3_000_000, 9_000_001)


class _Files:
    """A file store in one of the two forms; two stores in the multi-store form, to see that they are kept apart."""

    def __init__(self, directory, ini, store):
        self.manager = StoreManager(make_conf(directory, ini))
        self.store = self.manager.resolve(store)
        self._state = directory / "state"

    def files(self):
        return sorted(path for path in self._state.rglob("*") if not path.is_dir())


@pytest.fixture(params=["single", "thin", "multi", "multi-other", "datadirs"])
def files(request, tmp_path):
    many = f"filesystem_store_datadirs = {tmp_path}/state/images/a:1\nfilesystem_store_datadirs = {tmp_path}/state/images/b:2\n"
    ini, store = {
        "single": ("", None),
        "thin": ("[glance_store]\nfilesystem_thin_provisioning = true\n", None),
        "multi": (MULTI, None),
        "multi-other": (MULTI, "cheap"),
        "datadirs": (f"[glance_store]\n{many}", None),
    }[request.param]
    return _Files(tmp_path, ini, store)


def _chain(data, expected=None, **kwargs):
    hashes = (HashCheck("md5"), HashCheck("sha256"))
    return Chain(Source(data, **kwargs), expected, [SizeCheck(expected, None)], hashes)


def _add(store, data, image_id=IMAGE, upload_id=None, expected=None, **kwargs):
    upload_id = upload_id or str(uuid.uuid4())
    chain = _chain(data, expected, **kwargs)
    return upload_id, store.manager.add(store.store, image_id, upload_id, chain, expected, "sha256")


def _location(blob):
    return objects.Location(blob.url, blob.metadata)


def _read(manager, location, offset=0, length=None):
    body = manager.open(location, offset, length)
    with contextlib.closing(body):
        return b"".join(body)


def _noise(size):
    return (os.urandom(4096) * (size // 4096 + 1))[:size]


# -- stores that take data ---------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("announced", [True, False])
def test_what_was_added_can_be_read(files, size, announced):
    data = _noise(size)
    upload_id, blob = _add(files, data, expected=size if announced else None)
    files.manager.settle(files.store, upload_id)
    assert (blob.size, blob.checksum, blob.os_hash_value) == (size, *sums(data, "sha256"))
    assert blob.metadata == ({"store": files.store} if files.manager.multi else {})
    body = files.manager.open(_location(blob))
    assert body.size == size
    assert b"".join(body) == data
    body.close()
    assert len(files.files()) == 1


@pytest.mark.parametrize("size", SIZES[1:])
def test_a_short_body_is_never_stored(files, size):
    upload_id = str(uuid.uuid4())
    with pytest.raises(exception.SizeMismatch):
        _add(files, _noise(size - 1), upload_id=upload_id, expected=size)
    files.manager.discard(files.store, IMAGE, upload_id)
    assert files.files() == []


@pytest.mark.parametrize("size", SIZES)
def test_an_over_long_body_is_never_stored(files, size):
    upload_id = str(uuid.uuid4())
    with pytest.raises(exception.SizeMismatch):
        _add(files, _noise(size + 1), upload_id=upload_id, expected=size)
    files.manager.discard(files.store, IMAGE, upload_id)
    assert files.files() == []


@pytest.mark.parametrize("size", SIZES)
def test_a_broken_source_is_never_stored(files, size):
    upload_id = str(uuid.uuid4())
    with pytest.raises(exception.IncompleteBody):
        _add(files, _noise(size), upload_id=upload_id, error=exception.IncompleteBody(received=size))
    files.manager.discard(files.store, IMAGE, upload_id)
    assert files.files() == []


def test_an_abort_may_be_repeated(files):
    upload_id = str(uuid.uuid4())
    with pytest.raises(exception.SizeMismatch):
        _add(files, b"x", upload_id=upload_id, expected=2)
    for _ in range(3):
        files.manager.discard(files.store, IMAGE, upload_id)
    files.manager.discard(files.store, IMAGE, str(uuid.uuid4()))
    assert files.files() == []


def test_an_abort_before_completion_removes_the_data(files):
    upload_id, blob = _add(files, b"data")
    files.manager.discard(files.store, IMAGE, upload_id)
    assert files.files() == []
    with pytest.raises(exception.BlobNotFound):
        files.manager.open(_location(blob))


def test_an_abort_after_completion_removes_nothing(files):
    upload_id, blob = _add(files, b"data")
    files.manager.settle(files.store, upload_id)
    files.manager.settle(files.store, upload_id)
    files.manager.discard(files.store, IMAGE, upload_id)
    assert _read(files.manager, _location(blob)) == b"data"


def test_the_image_can_be_added_again_after_an_abort(files):
    upload_id, _ = _add(files, b"first")
    files.manager.discard(files.store, IMAGE, upload_id)
    _, blob = _add(files, b"second")
    assert _read(files.manager, _location(blob)) == b"second"


@pytest.mark.parametrize("start", [0, 1, 65_536, 2_999_999])
@pytest.mark.parametrize("length", [1, 70_000, None])
def test_ranges(files, start, length):
    data = _noise(3_000_000)
    _, blob = _add(files, data)
    length = min(length or len(data), len(data) - start)
    assert _read(files.manager, _location(blob), start, length) == data[start : start + length]


def test_delete_and_delete_again(files):
    upload_id, blob = _add(files, b"data")
    files.manager.settle(files.store, upload_id)
    files.manager.delete(_location(blob))
    files.manager.delete(_location(blob))
    assert files.files() == []
    with pytest.raises(exception.BlobNotFound):
        files.manager.open(_location(blob))


def test_delete_leaves_nothing_of_an_upload_that_was_never_settled(files):
    _, blob = _add(files, b"data")
    files.manager.delete(_location(blob))
    assert files.files() == []


def test_deleting_one_image_leaves_others(files):
    _, blob = _add(files, b"data")
    _, other = _add(files, b"other", image_id=str(uuid.uuid4()))
    files.manager.delete(_location(blob))
    assert _read(files.manager, _location(other)) == b"other"


def test_an_image_is_never_replaced(files):
    _, blob = _add(files, b"first")
    upload_id = str(uuid.uuid4())
    with pytest.raises(exception.Conflict):
        _add(files, b"second", upload_id=upload_id)
    files.manager.discard(files.store, IMAGE, upload_id)
    assert _read(files.manager, _location(blob)) == b"first"


def test_of_many_racing_for_one_name_one_wins(files):
    payloads = [_noise(2_000_000) for _ in range(8)]
    barrier = threading.Barrier(len(payloads))
    won, lost = [], []

    def race(data):
        upload_id = str(uuid.uuid4())
        barrier.wait()
        try:
            won.append((data, _add(files, data, upload_id=upload_id)[1]))
        except exception.Conflict:
            files.manager.discard(files.store, IMAGE, upload_id)
            lost.append(upload_id)

    threads = [threading.Thread(target=race, args=(data,)) for data in payloads]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (len(won), len(lost)) == (1, 7)
    (data, blob) = won[0]
    assert _read(files.manager, _location(blob)) == data
    assert (blob.checksum, blob.os_hash_value) == sums(data, "sha256")


def test_a_body_closed_early_and_twice(files):
    _, blob = _add(files, _noise(3_000_000))
    body = files.manager.open(_location(blob))
    next(body)
    body.close()
    body.close()


# -- the http store: read-only -----------------------------------------------------------------------


class _Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):
        if self.path.startswith("/cut"):
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"only these")
        elif self.path.startswith("/nolength"):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"some bytes")
        elif self.path.startswith("/error"):
            self.send_error(500, "secret words of the server")
        else:
            super().do_GET()


@pytest.fixture(params=["", MULTI], ids=["single", "multi"])
def web(request, tmp_path):
    (tmp_path / "served").mkdir()
    handler = functools.partial(_Handler, directory=str(tmp_path / "served"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        conf = make_conf(
            tmp_path, f"{request.param}\n[import_filtering_opts]\nallowed_hosts = 127.0.0.1\nallowed_ports =\n"
        )
        manager = StoreManager(conf, opener=Gate.from_conf(conf).open)
        yield manager, tmp_path / "served", f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def _web_location(manager, url):
    return objects.Location(url, {"store": "web"} if manager.multi else {})


@pytest.mark.parametrize("size", SIZES)
def test_http_data_is_read(web, size):
    manager, directory, url = web
    data = _noise(size)
    (directory / "image").write_bytes(data)
    body = manager.open(_web_location(manager, f"{url}/image"))
    assert body.size == size
    assert b"".join(body) == data
    body.close()


@pytest.mark.parametrize(("start", "length"), [(0, 1), (65_536, 70_000), (2_999_999, 1), (5, 2_999_995)])
def test_http_data_is_read_in_ranges(web, start, length):
    manager, directory, url = web
    data = _noise(3_000_000)
    (directory / "image").write_bytes(data)
    assert _read(manager, _web_location(manager, f"{url}/image"), start, length) == data[start : start + length]


def test_http_data_that_is_missing(web):
    manager, _, url = web
    with pytest.raises(exception.BlobNotFound):
        manager.open(_web_location(manager, f"{url}/nothing"))


def test_http_data_without_a_length(web):
    manager, _, url = web
    body = manager.open(_web_location(manager, f"{url}/nolength"))
    assert body.size is None
    assert b"".join(body) == b"some bytes"
    body.close()


def test_http_data_that_breaks_off_breaks_the_body(web):
    manager, _, url = web
    with pytest.raises(exception.StoreUnavailable):
        _read(manager, _web_location(manager, f"{url}/cut"), 0, 100)


@pytest.mark.parametrize("place", ["/error", None])
def test_http_errors_are_this_services_own(web, place):
    manager, _, url = web
    url = f"{url}{place}" if place else "http://127.0.0.1:9/closed"
    with pytest.raises(exception.StoreUnavailable) as caught:
        manager.open(_web_location(manager, url))
    assert "secret" not in caught.value.msg
    assert "127.0.0.1" not in caught.value.msg


def test_http_data_is_never_written_or_deleted(web):
    manager, directory, url = web
    (directory / "image").write_bytes(b"data")
    manager.delete(_web_location(manager, f"{url}/image"))
    assert (directory / "image").read_bytes() == b"data"
    if manager.multi:
        with pytest.raises(exception.StoreAddDisabled):
            manager.resolve("web")
