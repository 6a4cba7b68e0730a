"""Bytes in and out over HTTP."""

import gzip
import hashlib

import pytest

from tests.fixtures import invariants
from tests.fixtures.daemons import wait_for
from tests.fixtures.images import ImageClient, RawUpload, noise, qcow2_image, qcow2_with_backing_file

DATA = noise(3_000_000)


def _md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()  # noqa: S324 -- the Images API's checksum


@pytest.fixture(scope="module")
def stored(service):
    return ImageClient(service.url).uploaded(DATA, name="stored")


def _blocks():
    return (DATA[n : n + 65536] for n in range(0, len(DATA), 65536))


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        pytest.param(lambda: DATA, {}, id="content-length"),
        pytest.param(_blocks, {}, id="chunked"),
        pytest.param(_blocks, {"x-openstack-image-size": str(len(DATA))}, id="chunked-with-size"),
    ],
)
def test_an_upload_fills_in_what_was_measured(api, body, headers):
    image_id = api.created()
    response = api.upload(image_id, body(), headers)
    assert response.status_code == 204, response.text
    assert response.content == b""
    image = api.show(image_id).json()
    assert image["status"] == "active"
    assert image["size"] == image["virtual_size"] == len(DATA)
    assert image["checksum"] == _md5(DATA)
    assert (image["os_hash_algo"], image["os_hash_value"]) == ("sha512", hashlib.sha512(DATA).hexdigest())


def test_the_virtual_size_of_a_qcow2_image_is_the_disks(api, tmp_path):
    image_id = api.uploaded(qcow2_image(tmp_path, virtual_size=64 << 20), disk_format="qcow2")
    assert api.show(image_id).json()["virtual_size"] == 64 << 20


def test_an_empty_upload_becomes_active_with_size_0(api):
    image_id = api.uploaded(b"")
    image = api.show(image_id).json()
    assert (image["status"], image["size"], image["checksum"]) == ("active", 0, _md5(b""))


def test_a_download_has_length_type_and_checksum(api, stored):
    response = api.download(stored)
    assert response.status_code == 200
    assert response.content == DATA
    assert response.headers["Content-Type"] == "application/octet-stream"
    assert response.headers["Content-Length"] == str(len(DATA))
    assert response.headers["Content-MD5"] == _md5(DATA)
    assert response.headers["x-openstack-request-id"].startswith("req-")


def test_an_image_without_data_downloads_as_204(api):
    response = api.download(api.created())
    assert (response.status_code, response.content) == (204, b"")


@pytest.mark.parametrize(
    ("spec", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=100-199", 100, 200),
        ("bytes=2999990-", 2_999_990, 3_000_000),
        ("bytes=-10", 2_999_990, 3_000_000),
        ("bytes=2999990-99999999", 2_999_990, 3_000_000),
        ("bytes=-99999999", 0, 3_000_000),
        ("bytes=1-2999998", 1, 2_999_999),
    ],
)
def test_r44_a_range_is_206_with_its_bytes(api, stored, spec, start, end):
    response = api.download(stored, Range=spec)
    assert response.status_code == 206
    assert response.content == DATA[start:end]
    assert response.headers["Content-Range"] == f"bytes {start}-{end - 1}/{len(DATA)}"
    assert response.headers["Content-Length"] == str(end - start)


@pytest.mark.parametrize(
    ("spec", "status"),
    [
        ("bytes=0-1,5-6", 400),
        ("bytes=3000000-", 416),
        ("bytes=5-1", 416),
        ("bytes=-0", 416),
        ("bytes=x-y", 416),
        ("lines=1-2", 416),
    ],
)
def test_r44_a_bad_range_is_refused(api, stored, spec, status):
    assert api.download(stored, Range=spec).status_code == status


def test_r44_the_old_habit_of_content_range_in_a_request_is_honoured(api, stored):
    response = api.download(stored, **{"Content-Range": "bytes 10-19/*"})
    assert (response.status_code, response.content) == (206, DATA[10:20])


def test_head_is_not_offered(api, stored):
    assert api.request("HEAD", f"/v2/images/{stored}/file").status_code == 405


@pytest.mark.parametrize("media_type", ["application/json", "application/x-www-form-urlencoded", "text/plain"])
def test_another_media_type_is_415_and_the_image_stays_queued(api, media_type):
    image_id = api.created()
    assert api.upload(image_id, b"{}", headers={"Content-Type": media_type}).status_code == 415
    assert api.status(image_id) == "queued"
    assert api.upload(image_id, DATA).status_code == 204


@pytest.mark.parametrize("size", ["-1", "many", "1e3", ""])
def test_a_bad_announced_size_is_400(api, size):
    image_id = api.created()
    response = api.upload(image_id, iter([b"data"]), headers={"x-openstack-image-size": size})
    assert response.status_code == 400
    assert api.status(image_id) == "queued"


@pytest.mark.parametrize("announced", [3, 5])
def test_data_of_another_size_than_announced_is_400_and_leaves_nothing(api, service, announced):
    image_id = api.created()
    response = api.upload(image_id, iter([b"data"]), headers={"x-openstack-image-size": str(announced)})
    assert response.status_code == 400
    image = api.show(image_id).json()
    assert (image["status"], image["size"], image["virtual_size"]) == ("queued", None, None)
    assert image_id not in invariants.blobs(service)


def test_formats_must_be_set_before_data(api):
    image_id = api.created(disk_format=None)
    response = api.upload(image_id, b"data")
    assert response.status_code == 400
    assert "disk_format" in response.text


def test_data_is_taken_once(api, stored):
    assert api.upload(stored, b"other").status_code == 409
    assert api.download(stored).content == DATA


def test_data_for_no_image_is_404(api):
    assert api.upload("00000000-0000-4000-8000-000000000000", b"data").status_code == 404


@pytest.mark.parametrize(
    ("disk_format", "make"),
    [
        pytest.param("qcow2", lambda _: noise(100_000), id="noise-as-qcow2"),
        pytest.param("vmdk", qcow2_image, id="qcow2-as-vmdk"),
        pytest.param("raw", qcow2_image, id="qcow2-as-raw"),
        pytest.param("qcow2", lambda _: qcow2_with_backing_file(), id="backing-file"),
    ],
)
def test_content_of_another_format_is_415_and_leaves_nothing(api, service, tmp_path, disk_format, make):
    image_id = api.created(disk_format=disk_format)
    response = api.upload(image_id, make(tmp_path))
    assert response.status_code == 415, response.text
    assert api.status(image_id) == "queued"
    assert image_id not in invariants.blobs(service)
    wait_for("empty staging", lambda: not invariants.staged(service))


def test_compressed_transfer_is_not_mistaken_for_content(api):
    data = gzip.compress(DATA[:1000])
    image_id = api.uploaded(data)
    assert api.download(image_id).content == data


def test_r36_a_body_that_ends_early_leaves_the_image_queued(api, service):
    image_id = api.created()
    upload = RawUpload(api.url, image_id, length=1_000_000)
    upload.send(b"x" * 400_000)
    wait_for("saving image", lambda: api.status(image_id) == "saving")
    upload.abandon()
    wait_for("queued image", lambda: api.status(image_id) == "queued")
    wait_for("empty staging", lambda: not invariants.staged(service))
    assert image_id not in invariants.blobs(service)
    assert api.upload(image_id, DATA).status_code == 204


def test_a_chunked_body_that_ends_without_its_last_chunk_is_not_stored(api):
    image_id = api.created()
    upload = RawUpload(api.url, image_id, length=None)
    upload.send(b"x" * 400_000)
    wait_for("saving image", lambda: api.status(image_id) == "saving")
    upload.abandon()
    wait_for("queued image", lambda: api.status(image_id) == "queued")


def test_delete_removes_the_bytes(api, service):
    image_id = api.uploaded(DATA)
    assert image_id in invariants.blobs(service)
    assert api.delete(image_id).status_code == 204
    assert api.download(image_id).status_code == 404
    wait_for("removed blob", lambda: image_id not in invariants.blobs(service))
