"""The http store, beyond what all stores keep to: how it asks, what it believes, and where it never goes."""

import re
import ssl

import pytest
import requests
from glance_store import exceptions

from imagesvc import exception, objects
from imagesvc.data.url_gate import Gate
from imagesvc.store.manager import StoreManager
from tests.fixtures.certificates import Authority
from tests.fixtures.hostile_urls import HOSTILE, NAMES
from tests.fixtures.internet import OTHER, internet
from tests.fixtures.stores import MULTI, make_conf

#: What drivers may raise; the store manager makes this service's own of it.
_ERRORS = (exception.UriRefused, exceptions.GlanceStoreException, requests.RequestException)

DATA = bytes(range(256)) * 40


@pytest.fixture
def world(monkeypatch):
    with internet(monkeypatch) as found:
        found.names.update(NAMES)
        yield found


@pytest.fixture(params=["single", "multi"])
def make_store(request, world, tmp_path):
    def _make(options=""):
        multi = request.param == "multi"
        ini = f"{MULTI}\n[web]\n{options}" if multi else f"[glance_store]\n{options}"
        conf = make_conf(tmp_path, f"{ini}\n[import_filtering_opts]\nallowed_ports = 80, 443, {world.port}\n")
        gate = Gate(conf.import_filtering_opts, world.resolve)
        return _Store(StoreManager(conf, opener=gate.open), "web" if multi else "http")

    return _make


class _Store:
    def __init__(self, manager, name):
        self._manager = manager
        self._name = name
        self._entry = manager._stores[name]

    def open(self, url, offset=0, length=None):
        return self._manager.open(objects.Location(url, {"store": self._name}), offset, length)

    def read(self, *args):
        body = self.open(*args)
        try:
            return body.size, b"".join(body)
        finally:
            body.close()

    def size(self, url):
        return self._entry.driver.get_size(self._entry.locate(url))


def _ranges(handler):
    found = re.fullmatch(r"bytes=(\d+)-(\d*)", handler.headers.get("Range", ""))
    if not found:
        return 200, {}, DATA
    first = int(found[1])
    part = DATA[first : int(found[2]) + 1 if found[2] else None]
    return 206, {"Content-Range": f"bytes {first}-{first + len(part) - 1}/{len(DATA)}"}, part


def _whole(_handler):
    return 200, {}, DATA


@pytest.mark.parametrize("answer", [_ranges, _whole])
@pytest.mark.parametrize(("offset", "length"), [(0, None), (0, 10), (1, 1), (5000, None), (10239, 1)])
def test_ranges(world, make_store, answer, offset, length):
    server = world.serve(answer)
    expected = DATA[offset:] if length is None else DATA[offset : offset + length]
    assert make_store().read("http://good.test/x", offset, length) == (len(DATA), expected)
    end = "" if length is None else offset + length - 1
    assert server.requests[0][2].get("Range") == (f"bytes={offset}-{end}" if offset else None)


@pytest.mark.parametrize(
    ("status", "headers", "error"),
    [
        (206, {"Content-Range": "bytes 7-9/10240"}, exception.StoreUnavailable),
        (206, {}, exception.StoreUnavailable),
        (416, {"Content-Range": "bytes */3"}, exception.StoreUnavailable),
        (204, {}, exception.StoreUnavailable),
        (401, {}, exception.StoreUnavailable),
        (404, {}, exception.BlobNotFound),
        (410, {}, exception.BlobNotFound),
        (200, {"Content-Encoding": "gzip"}, exception.StoreUnavailable),
    ],
)
def test_answers_that_are_not_the_data(world, make_store, status, headers, error):
    world.serve(lambda _: (status, headers, DATA[:10]))
    with pytest.raises(error):
        make_store().open("http://good.test/x", 5, 10)


def test_a_size_is_asked_for_without_the_data(world, make_store):
    server = world.serve(_whole)
    assert make_store().size("http://good.test/x") == len(DATA)
    assert [method for method, *_ in server.requests] == ["HEAD"]


def test_the_size_at_a_server_that_only_knows_get(world, make_store):
    server = world.serve(lambda handler: (501, {}, b"") if handler.command == "HEAD" else (200, {}, DATA))
    assert make_store().size("http://good.test/x") == len(DATA)
    assert [method for method, *_ in server.requests] == ["HEAD", "GET"]


def test_the_size_of_what_is_not_there(world, make_store):
    world.serve(lambda _: (404, {}, b""))
    with pytest.raises(exceptions.NotFound):
        make_store().size("http://good.test/x")


def test_credentials_of_older_rows_are_sent_to_their_server_alone(world, make_store):
    here = world.serve(lambda _: (302, {"Location": "http://other.test/"}, b""))
    there = world.serve(_whole, OTHER)
    world.names["other.test"] = [OTHER]
    assert make_store().read("http://us%3aer:pass@good.test/x")[0] == len(DATA)
    assert here.requests[0][2]["Authorization"] == "Basic dXM6ZXI6cGFzcw=="
    assert "Authorization" not in there.requests[0][2]


def test_nothing_is_held_of_data_that_was_opened_and_not_read(world, make_store):
    world.serve(_whole)
    body = make_store().open("http://good.test/x")
    response = body._source._response
    body.close()
    assert response.raw.closed


def test_without_an_opener_nothing_is_read(tmp_path):
    manager = StoreManager(make_conf(tmp_path))
    with pytest.raises(exception.StoreUnavailable):
        manager.open(objects.Location("http://good.test/x"))


class TestTls:
    @pytest.fixture
    def serve(self, world, tmp_path):
        authority = Authority(tmp_path, "authority")

        def _serve(host):
            lines = authority.issue(host)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(lines["ssl_options.certfile"], lines["ssl_options.keyfile"])
            world.serve(_whole, context=context)
            return authority.ca

        return _serve

    def test_certificates_are_verified_by_default(self, serve, make_store):
        serve("good.test")
        with pytest.raises(exception.StoreUnavailable):
            make_store().open("https://good.test/x")

    def test_by_the_authorities_of_the_configuration(self, serve, make_store):
        authority = serve("good.test")
        store = make_store(f"https_ca_certificates_file = {authority}\nhttps_insecure = true\n")
        assert store.read("https://good.test/x")[1] == DATA

    def test_for_the_name_in_the_url(self, serve, make_store):
        authority = serve("other.test")
        with pytest.raises(exception.StoreUnavailable):
            make_store(f"https_ca_certificates_file = {authority}\nhttps_insecure = true\n").open("https://good.test/x")

    def test_unless_the_operator_says_otherwise(self, serve, make_store):
        serve("other.test")
        assert make_store("https_insecure = true\n").read("https://good.test/x")[1] == DATA


def test_a_proxy(world, make_store):
    proxy = world.serve(_whole, OTHER)
    assert make_store(f"http_proxy_information = http:http://[{OTHER}]:3128\n").read("http://good.test/x")[1] == DATA
    assert proxy.requests[0][1] == "http://good.test/x"


# -- where it never goes -----------------------------------------------------------------------------


def _hostile(world):
    urls = [url.replace("PORT", str(world.port)) for url in HOSTILE]
    # Users of older rows are told to their server, which is a public one here.
    return [url for url in urls if re.match(r"https?://(?![^/]*@good\.test)[^/\r]+[^\r]+$", url)]


def _nothing_is_had(store, url):
    with pytest.raises((exception.Unavailable, exception.NotFound)):
        store.open(url)
    with pytest.raises(_ERRORS):
        store.size(url)


def test_no_hostile_url_is_read(world, make_store):
    store = make_store()
    for url in _hostile(world):
        _nothing_is_had(store, url)
    assert (world.visits, world.strays) == ([], [])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_to_a_hostile_url_is_followed(world, make_store, status):
    current = []
    server = world.serve(lambda _: (status, {"Location": current[0].encode().decode("latin-1")}, b""))
    store, hostile = make_store(), _hostile(world)
    for url in hostile:
        current[:] = [url]
        _nothing_is_had(store, "http://good.test/start")
    assert (world.visits, world.strays) == ([], [])
    assert len(server.requests) == 2 * len(hostile) >= 120


@pytest.mark.parametrize("inner", ["127.0.0.1", "::1", "10.0.0.5", "169.254.169.254"])
def test_no_name_that_changes_leads_there(world, make_store, inner):
    world.serve(_whole)
    store = make_store()
    url = f"http://flips.test:{world.port}/"
    world.names["flips.test"] = [["93.184.216.34"], [inner]]
    assert store.read(url)[1] == DATA
    _nothing_is_had(store, url)
    assert (world.visits, world.strays) == ([], [])
