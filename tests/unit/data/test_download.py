import dataclasses
import os

import pytest

from imagesvc import exception, objects
from imagesvc.context import RequestContext
from imagesvc.data.download import ByteRange, Downloader
from tests.fixtures.stores import IMAGE, Service, Source

CONTEXT = RequestContext(overwrite=False)
DATA = bytes(range(256)) * 20_000


@pytest.fixture
def service(tmp_path):
    service = Service(tmp_path)
    service.uploads.upload(CONTEXT, IMAGE, Source(DATA))
    service.downloads = Downloader(service.registry, service.stores)
    service.registry.calls.clear()
    return service


def _open(service, text=None):
    return service.downloads.open(CONTEXT, IMAGE, ByteRange.parse(text) if text else None)


def _change(service, **fields):
    service.registry.image = dataclasses.replace(service.registry.image, **fields)


def test_a_whole_image_in_one_call(service):
    download = _open(service)
    assert (download.start, download.length, download.total) == (0, len(DATA), len(DATA))
    assert b"".join(download.body) == DATA
    download.body.close()
    assert service.registry.calls == ["image_get_for_download"]


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-", 0, len(DATA)),
        ("bytes=5-1000004", 5, 1000005),
        (" bytes = 7 - 9 ", 7, 10),
        ("bytes=100-99999999999", 100, len(DATA)),
        ("bytes=-5", len(DATA) - 5, len(DATA)),
        ("bytes=-99999999999", 0, len(DATA)),
        (f"bytes={len(DATA) - 1}-", len(DATA) - 1, len(DATA)),
    ],
)
def test_ranges(service, text, start, end):
    download = _open(service, text)
    assert (download.start, download.length, download.total) == (start, end - start, len(DATA))
    assert download.body.file.tell() == start
    assert b"".join(download.body) == DATA[start:end]
    download.body.close()


@pytest.mark.parametrize("text", [f"bytes={len(DATA)}-", "bytes=-0", f"bytes={len(DATA)}-{len(DATA) + 5}"])
def test_ranges_outside_the_image(service, text):
    with pytest.raises(exception.RangeNotSatisfiable) as caught:
        _open(service, text)
    assert caught.value.kwargs == {"size": len(DATA)}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=5-2",
        "items=0-1",
        "bytes=0-1x",
        "bytes=--5",
        "bytes=\u0661-",
        "bytes=" + "9" * 5000 + "-",
    ],
)
def test_malformed_ranges(text):
    with pytest.raises(exception.RangeNotSatisfiable):
        ByteRange.parse(text)


def test_several_ranges_are_bad_input():
    with pytest.raises(exception.Invalid, match="Range"):
        ByteRange.parse("bytes=0-1,3-4")


def test_ranges_in_the_old_spelling():
    assert ByteRange.parse_content_range("bytes 5-9/*") == ByteRange(5, 9)
    assert ByteRange.parse_content_range("bytes 5-9/100") == ByteRange(5, 9)
    for text in ("bytes */100", "bytes 9-5/100", "5-9", ""):
        with pytest.raises(exception.RangeNotSatisfiable):
            ByteRange.parse_content_range(text)


def test_no_data_yet(service):
    _change(service, locations=(), size=None)
    assert _open(service).body is None
    assert _open(service, "bytes=0-5").body is None


def test_an_empty_image(service):
    (service.root / IMAGE).write_bytes(b"")
    _change(service, size=0)
    download = _open(service)
    assert list(download.body) == []
    download.body.close()
    with pytest.raises(exception.RangeNotSatisfiable):
        _open(service, "bytes=0-")


def test_a_refusal_of_the_registry_is_passed_on(service):
    service.registry.failing["image_get_for_download"] = exception.ImageDeactivated(image_id=IMAGE)
    with pytest.raises(exception.ImageDeactivated):
        _open(service)


def test_a_missing_blob_is_an_error_before_any_byte(service):
    (service.root / IMAGE).unlink()
    with pytest.raises(exception.BlobNotFound):
        _open(service)


@pytest.mark.parametrize("size", [0, len(DATA) - 1, len(DATA) + 1])
def test_a_blob_of_another_size_is_an_error_before_any_byte(service, size):
    os.truncate(service.root / IMAGE, size)
    with pytest.raises(exception.StoreUnavailable):
        _open(service)


def test_the_next_location_is_used(service):
    good = service.registry.image.locations[0]
    damaged = service.root / "33333333-3333-4333-8333-333333333333"
    damaged.write_bytes(DATA[:-1])
    bad = [objects.Location(url) for url in (f"file://{service.root}/gone", f"file://{damaged}", "rbd://a/b/c/d")]
    _change(service, locations=(*bad, good))
    download = _open(service)
    assert b"".join(download.body) == DATA
    download.body.close()


def test_the_store_of_most_weight_comes_first(service):
    (good,) = service.registry.image.locations
    other = service.root / "33333333-3333-4333-8333-333333333333"
    other.write_bytes(DATA[::-1])
    heavy = objects.Location(f"file://{other}", {"store": "heavy"})
    _change(service, locations=(good, heavy))
    service.downloads = Downloader(service.registry, service.stores)
    service.stores.weight = lambda location: 1 if location is heavy else 0
    download = _open(service)
    assert b"".join(download.body) == DATA[::-1]
    download.body.close()


@pytest.mark.parametrize("kind", ["symlink", "fifo", "directory"])
def test_only_regular_files_are_opened(service, kind, tmp_path):
    path = service.root / IMAGE
    path.rename(tmp_path / "elsewhere")
    if kind == "symlink":
        path.symlink_to(tmp_path / "elsewhere")
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.mkdir()
    with pytest.raises(exception.BlobNotFound):
        _open(service)


def test_nothing_outside_the_store_is_opened(service, tmp_path):
    (tmp_path / "secret").write_bytes(DATA)
    for url in (
        f"file://{tmp_path}/secret",
        f"filesystem://{tmp_path}/secret",
        f"file://{service.root}/../../secret",
        f"FILE://{tmp_path}/secret",
        "file:///etc/passwd",
        f"file://{service.root}/.staging",
        "file://",
    ):
        _change(service, locations=(objects.Location(url),))
        with pytest.raises((exception.BlobNotFound, exception.StoreUnavailable)):
            _open(service)


def test_a_file_cut_while_it_is_sent_breaks_the_body(service):
    download = _open(service)
    next(download.body)
    os.truncate(service.root / IMAGE, 2 << 20)
    with pytest.raises(exception.StoreUnavailable):
        list(download.body)
    download.body.close()


def test_a_deleted_file_is_still_sent(service):
    download = _open(service)
    service.stores.delete(service.registry.image.locations[0])
    assert b"".join(download.body) == DATA
    download.body.close()


def test_the_store_tells_a_size_that_nobody_knew(service):
    _change(service, size=None)
    download = _open(service)
    assert download.length == len(DATA)
    download.body.close()
