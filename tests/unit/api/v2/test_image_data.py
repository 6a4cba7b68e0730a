"""Upload and download over HTTP, down to the registry's tables and the file store."""

import io
import tracemalloc

import pytest

from imagesvc import exception
from imagesvc.data.download import Downloader
from tests.fixtures import api

MIB = 1 << 20
DATA = b"0123456789abcdef"


@pytest.fixture
def service(tmp_path):
    return api.make_service(tmp_path / "state")


@pytest.fixture
def image(service):
    image = service.create(disk_format="raw", container_format="bare")
    assert service.calls == ["image_create"]
    return image


def status_of(service, image):
    return service.request("GET", image["self"]).json["status"]


class Zeros(io.RawIOBase):
    """A body of ``size`` zeros that is made while it is read; counts what was taken."""

    def __init__(self, size: int) -> None:
        self.left = size
        self.taken = 0

    def readable(self):
        return True

    def readinto(self, buffer):
        count = min(len(buffer), self.left)
        buffer[:count] = bytes(count)
        self.left -= count
        self.taken += count
        return count


def put(service, image, body, **environ):
    return service.request("PUT", image["file"], environ={"wsgi.input": body, **environ}, content_type=api.OCTETS)


# -- upload ------------------------------------------------------------------------------------------


def test_an_upload_is_two_calls_and_fills_in_what_it_found(service, image):
    response = service.request("PUT", image["file"], DATA)
    assert (response.status_int, response.body, "Content-Type" in response.headers) == (204, b"", False)
    assert service.calls == ["upload_begin", "upload_complete"]
    stored = service.request("GET", image["self"]).json
    assert (stored["status"], stored["size"], stored["virtual_size"]) == ("active", 16, 16)
    assert stored["checksum"] == "4032af8d61035123906e58e067140cc5"
    assert stored["os_hash_algo"] == "sha512"


def test_an_empty_upload_becomes_active_with_size_0(service, image):
    assert service.request("PUT", image["file"], b"").status_int == 204
    stored = service.request("GET", image["self"]).json
    assert (stored["status"], stored["size"]) == ("active", 0)
    response = service.request("GET", image["file"])
    assert (response.status_int, response.body, response.headers["Content-Length"]) == (200, b"", "0")


def test_a_chunked_upload(service, image):
    chunked = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}
    assert put(service, image, io.BytesIO(DATA), **chunked).status_int == 204
    assert service.request("GET", image["file"]).body == DATA


def test_a_chunked_upload_with_its_size_announced(service, image):
    chunked = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}
    response = put(service, image, io.BytesIO(DATA), HTTP_X_OPENSTACK_IMAGE_SIZE="17", **chunked)
    assert response.status_int == 400
    assert status_of(service, image) == "queued"
    response = put(service, image, io.BytesIO(DATA), HTTP_X_OPENSTACK_IMAGE_SIZE="16", **chunked)
    assert response.status_int == 204


def test_a_large_upload_needs_little_memory(service, image):
    body = Zeros(64 * MIB)
    tracemalloc.start()
    try:
        assert put(service, image, body, CONTENT_LENGTH=str(64 * MIB)).status_int == 204
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert body.taken == 64 * MIB
    assert peak < 24 * MIB


@pytest.mark.parametrize("value", ["-1", "x", "1.0", str(2**63), ""])
def test_a_bad_size_header_is_refused_by_name(service, image, value):
    body = Zeros(16)
    response = put(service, image, body, CONTENT_LENGTH="16", HTTP_X_OPENSTACK_IMAGE_SIZE=value)
    assert response.status_int == 400
    assert "x-openstack-image-size" in response.text
    assert (service.calls, body.taken) == ([], 0)


def test_a_body_that_ends_early_leaves_the_image_queued(service, image):
    assert put(service, image, io.BytesIO(DATA), CONTENT_LENGTH="17").status_int == 400
    assert status_of(service, image) == "queued"
    assert service.request("PUT", image["file"], DATA).status_int == 204


@pytest.mark.parametrize("content_type", ["application/json", "application/x-www-form-urlencoded", "text/plain", ""])
def test_other_media_types_are_refused_unread(service, image, content_type):
    body = Zeros(64 * MIB)
    environ = {"wsgi.input": body, "CONTENT_LENGTH": str(64 * MIB), "CONTENT_TYPE": content_type}
    response = service.request("PUT", image["file"], environ=environ)
    assert response.status_int == 415
    assert (body.taken, service.calls) == (0, [])


def test_the_media_type_may_have_parameters(service, image):
    assert service.request("PUT", image["file"], DATA, content_type="Application/Octet-Stream; x=y").status_int == 204


@pytest.mark.parametrize(
    ("fields", "status"), [({}, 400), ({"disk_format": "raw"}, 400), ({"container_format": "bare"}, 400)]
)
def test_formats_must_be_known_before_data(service, fields, status):
    assert service.request("PUT", service.create(**fields)["file"], DATA).status_int == status


def test_data_is_taken_once(service, image):
    assert service.request("PUT", image["file"], DATA).status_int == 204
    assert service.request("PUT", image["file"], DATA).status_int == 409


def test_no_data_for_no_image(service):
    assert service.request("PUT", "/v2/images/nope/file", DATA).status_int == 404


def test_content_of_another_format_is_refused(service, image):
    assert service.request("PUT", image["file"], b"QFI\xfb\x00\x00\x00\x03" + bytes(1 << 20)).status_int == 415
    assert status_of(service, image) == "queued"


def test_the_store_is_chosen_by_header_where_there_are_several(tmp_path):
    service = api.make_service(tmp_path / "state", api.MULTI_STORE.format(path=tmp_path))
    image = service.create(disk_format="raw", container_format="bare")
    for store in ("nowhere", "os_glance_staging_store"):
        response = service.request("PUT", image["file"], DATA, headers={"X-Image-Meta-Store": store})
        assert response.status_int == 400
        assert store in response.text
    response = service.request("PUT", image["file"], DATA, headers={"X-Image-Meta-Store": "cheap"})
    assert response.status_int == 204
    assert service.request("GET", image["self"]).json["stores"] == "cheap"


def test_the_store_header_means_nothing_where_there_is_one(service, image):
    response = service.request("PUT", image["file"], DATA, headers={"X-Image-Meta-Store": "nowhere"})
    assert response.status_int == 204


# -- download ----------------------------------------------------------------------------------------


@pytest.fixture
def active(service, image):
    service.request("PUT", image["file"], DATA)
    assert service.calls
    return image


def test_a_download_is_one_call(service, active):
    response = service.request("GET", active["file"])
    assert (response.status_int, response.body) == (200, DATA)
    assert response.headers["Content-Type"] == "application/octet-stream"
    assert response.headers["Content-Length"] == "16"
    assert response.headers["Content-MD5"] == "4032af8d61035123906e58e067140cc5"
    assert service.calls == ["image_get_for_download"]


def test_an_image_without_data_is_a_204(service, image):
    response = service.request("GET", image["file"])
    assert (response.status_int, response.body) == (204, b"")


def test_an_image_whose_data_is_gone_does_not_look_empty(service, active, monkeypatch):
    def gone(*_args):
        raise exception.BlobNotFound(store="file")

    monkeypatch.setattr(Downloader, "open", gone)
    response = service.request("GET", active["file"], headers={"Accept": "text/plain"})
    assert response.status_int == 404
    assert "missing in store 'file'" in response.text


@pytest.mark.parametrize(
    ("header", "part", "content_range"),
    [
        ("bytes=2-4", DATA[2:5], "bytes 2-4/16"),
        ("bytes=0-0", DATA[:1], "bytes 0-0/16"),
        ("bytes=10-", DATA[10:], "bytes 10-15/16"),
        ("bytes=10-100", DATA[10:], "bytes 10-15/16"),
        ("bytes=-3", DATA[-3:], "bytes 13-15/16"),
        ("bytes=-100", DATA, "bytes 0-15/16"),
    ],
)
def test_ranges(service, active, header, part, content_range):
    response = service.request("GET", active["file"], headers={"Range": header})
    assert (response.status_int, response.body) == (206, part)
    assert response.headers["Content-Range"] == content_range
    assert response.headers["Content-Length"] == str(len(part))
    assert "Content-MD5" not in response.headers


def test_the_old_habit_of_asking_with_content_range(service, active):
    response = service.request("GET", active["file"], headers={"Content-Range": "bytes 2-4/*"})
    assert (response.status_int, response.body) == (206, DATA[2:5])


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("bytes=0-1,4-5", 400),
        ("bytes=16-", 416),
        ("bytes=-0", 416),
        ("bytes=5-2", 416),
        ("bytes=a-b", 416),
        ("lines=1-2", 416),
        ("bytes=", 416),
    ],
)
def test_bad_ranges(service, active, header, status):
    response = service.request("GET", active["file"], headers={"Range": header})
    assert response.status_int == status


def test_the_servers_own_way_of_sending_files_is_used(service, active):
    wrapped = []

    class Wrapper:
        def __init__(self, file, block_size):
            wrapped.append(block_size)
            self.file = file

        def __iter__(self):
            return iter([self.file.read()])

        def close(self):
            self.file.close()

    ours = {"wsgi.file_wrapper": Wrapper, "imagesvc.sendfile": True}
    theirs = {"wsgi.file_wrapper": Wrapper}
    part = {"Range": "bytes=0-3"}
    assert service.request("GET", active["file"], environ=theirs).body == DATA
    assert len(wrapped) == 1
    # Other servers' wrappers may send a file from its beginning, whatever its position.
    assert service.request("GET", active["file"], environ=theirs, headers=part).body == DATA[:4]
    assert len(wrapped) == 1
    response = service.request("GET", active["file"], environ=ours, headers={"Range": "bytes=12-"})
    assert (response.body, len(wrapped)) == (DATA[12:], 2)


def test_a_client_that_leaves_closes_the_file(service, active, monkeypatch):
    opened = []
    real = Downloader.open

    def spy(self, *args):
        download = real(self, *args)
        opened.append(download.body)
        return download

    monkeypatch.setattr(Downloader, "open", spy)
    service.app(
        {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": active["file"],
            "SCRIPT_NAME": "",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "9292",
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(),
        },
        lambda *_args: None,
    ).close()
    assert opened[0].file is None


def test_a_head_of_data_is_not_allowed(service, active):
    response = service.request("HEAD", active["file"])
    assert (response.status_int, response.headers["Allow"]) == (405, "GET, PUT")


@pytest.mark.parametrize("path", ["{self}", "{file}", "/v2/schemas/image"])
def test_a_body_where_none_belongs_is_refused(service, active, path):
    response = service.request("GET", path.format(**active), b"x")
    assert response.status_int == 400
    assert service.request("DELETE", active["self"], b"x").status_int == 400
    assert status_of(service, active) == "active"
