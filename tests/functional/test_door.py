"""R37, R43, R44, R46, R61: requests that are made to harm, met by both daemons under ``python -O``."""

import json
import re

import pytest
import yaml

from tests.fixtures.daemons import ROOT, deployed
from tests.fixtures.http_server import read_all
from tests.fixtures.images import PATCH_TYPE, ImageClient
from tests.generated.wire import Answer, Wire

CLOSE = "Connection: close"
JSON = "Content-Type: application/json"


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with deployed(tmp_path_factory.mktemp("door"), environment={"PYTHONOPTIMIZE": "1"}) as deployment:
        yield deployment


@pytest.fixture
def wire(service):
    return Wire(service.api_port)


def head(line, *headers, host="here"):
    return "\r\n".join([f"{line} HTTP/1.1", f"Host: {host}", *headers, "", ""]).encode("latin-1")


def exchange(wire, *parts):
    """All that comes back for the parts, sent as far as the service takes them."""
    with wire.connect() as sock:
        try:
            for part in parts:
                sock.sendall(part)
        except ConnectionError:
            pass  # refused before its end
        return read_all(sock)


def answer(wire, *parts) -> Answer:
    """The one answer to one request."""
    received = exchange(wire, *parts)
    top, _, body = received.partition(b"\r\n\r\n")
    line, *headers = top.decode("latin-1").split("\r\n")
    named = dict(header.split(": ", 1) for header in headers)
    return Answer(int(line.split(" ")[1]), {name.lower(): value for name, value in named.items()}, body)


# -- R37 ---------------------------------------------------------------------------------------------

SMUGGLED = b'{"name": "smuggled"}'
SECOND = head("POST /v2/images", JSON, f"Content-Length: {len(SMUGGLED)}") + SMUGGLED
AMBIGUOUS = {
    "length and chunked": ["Content-Length: 5", "Transfer-Encoding: chunked"],
    "two lengths": ["Content-Length: 0", f"Content-Length: {len(SECOND)}"],
    "list of lengths": [f"Content-Length: 0, {len(SECOND)}"],
    "plus": ["Content-Length: +0"],
    "infinity": ["Content-Length: \u00e2\u0088\u009e"],
    "tab before the coding": ["Transfer-Encoding:\tchunked", "Content-Length: 0"],
    "chunked twice": ["Transfer-Encoding: chunked, chunked"],
    "space before the colon": ["Transfer-Encoding : chunked"],
    "line break in a value": ["X: a\nTransfer-Encoding: chunked"],
}


@pytest.mark.parametrize("framing", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_r37_no_second_request_hides_behind_an_ambiguous_one(wire, framing):
    received = exchange(wire, head("PUT /v2/images/x/file", *framing), b"0\r\n\r\n", SECOND)
    assert received.startswith(b"HTTP/1.1 400 ")
    assert received.count(b"HTTP/1.1 ") == 1
    assert answer(wire, head("GET /v2/images?name=smuggled", CLOSE)).body.startswith(b'{"images": []')


def test_r37_the_body_of_a_refused_request_is_no_request(wire):
    """The length is right, so the connection stays; what is in the body stays a body."""
    refused = head("POST /v2/nothing", f"Content-Length: {len(SECOND)}")
    received = exchange(wire, refused, SECOND, head("GET /v2/images?name=smuggled", CLOSE))
    assert re.findall(rb"HTTP/1\.1 (\d+)", received) == [b"404", b"200"]
    assert b'"images": []' in received


# -- R43 ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "status"),
    [
        (b'{"name":' + b"[" * 10_000 + b"]" * 10_000 + b"}", 400),
        (b"[" * 500_000 + b"]" * 500_000, 400),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, 400),
        (b'{"name": "\\ud800"}', 400),
        (b'{"name": "\\u0000"}', 400),
        (b'{"name": "\xff"}', 400),
        (b'{"min_disk": 1' + b"0" * 5000 + b"}", 400),
        (b'{"min_disk": 1e999}', 400),
        (b'{"min_disk": NaN}', 400),
        (b'"name"', 400),
        (b'{"tags": [' + b'"a",' * 20_000 + b'"a"]}', 413),
    ],
    ids=lambda value: repr(value[:20]) if isinstance(value, bytes) else "",
)
def test_r43_json_that_is_deep_huge_or_no_json(wire, document, status):
    refused = answer(wire, head("POST /v2/images", JSON, CLOSE, f"Content-Length: {len(document)}"), document)
    assert refused.status == status
    assert b"raceback" not in refused.body


@pytest.mark.parametrize("framing", ["Content-Length: 104857600", "Transfer-Encoding: chunked"])
def test_r43_100_mb_of_json_are_refused_without_being_taken(service, wire, framing):
    before = service.peak_memory("glance-api")
    piece = b"%x\r\n%s\r\n" % (1 << 20, b" " * (1 << 20))
    refused = answer(wire, head("POST /v2/images", JSON, framing), *[piece] * 100)
    assert refused.status == 413
    assert b"1048576" in refused.body
    assert service.peak_memory("glance-api") - before < 32 << 20


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([f"X-{number}: a" for number in range(1000)], 431),
        (["X-Long: " + "a" * 65_536], 431),
        (["X-Openstack-Request-ID: " + "a" * 16_384], 431),
        (["X-Openstack-Request-ID: " + "a" * 65], 431),
        (["Cookie: " + "a=b; " * 3000], 200),
    ],
)
def test_r43_floods_of_headers(wire, headers, status):
    assert answer(wire, head("GET /v2/images", CLOSE, *headers)).status == status


def test_r43_100000_operations_are_too_many(wire, api_of_door):
    image_id = api_of_door.created()
    for count in (1001, 100_000):
        body = json.dumps([{"op": "remove", "path": "/a"}] * count).encode()
        refused = answer(
            wire,
            head(f"PATCH /v2/images/{image_id}", f"Content-Type: {PATCH_TYPE}", CLOSE, f"Content-Length: {len(body)}"),
            body,
        )
        assert refused.status == 413


@pytest.fixture
def api_of_door(service):
    return ImageClient(service.url)


def test_r43_line_breaks_stay_where_they_are(service, api_of_door, wire):
    """In names and values they are text; they make neither headers nor lines of a log."""
    text = "a\r\nX-Injected: yes\r\n\r\nb"
    created = api_of_door.create(name=text, tags=[text], **{text: text})
    assert created.status_code == 201
    assert created.json()[text] == text
    assert "x-injected" not in created.headers
    for path in (
        "/v2/images/a%0D%0AX-Injected:%20yes",
        "/v2/images/x/tags/a%0D%0AX-Injected:%20yes",
        "/%0D%0AX-Injected:%20yes",
    ):
        for method in ("GET", "PUT", "DELETE"):
            found = answer(wire, head(f"{method} {path}", CLOSE, "Content-Length: 0"))
            assert found.status < 500
            assert "x-injected" not in found.headers
    namespace = api_of_door.request("POST", "/v2/metadefs/namespaces", json={"namespace": "a\r\nX-Injected: yes"})
    assert namespace.headers["Location"] == "/v2/metadefs/namespaces/a%0D%0AX-Injected:%20yes"
    for name in ("glance-api", "glance-registry"):
        assert not re.search(r"(?m)^X-Injected", service.log(name))


# -- R44 ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "status", "data"),
    [
        ("bytes=0-0", 206, b"0"),
        ("bytes=3-", 206, b"3456789"),
        ("bytes=-3", 206, b"789"),
        ("bytes=-1000", 206, b"0123456789"),
        ("bytes=5-1000", 206, b"56789"),
        ("bytes=10-", 416, None),
        ("bytes=-0", 416, None),
        ("bytes=5-4", 416, None),
        ("bytes=", 416, None),
        ("bytes=-", 416, None),
        ("bytes=a-b", 416, None),
        ("bytes=\u00c2\u00b2-3", 416, None),
        ("bytes=99999999999999999999-", 416, None),
        ("octets=0-1", 416, None),
        ("bytes=0-1,3-4", 400, None),
        ("bytes=" + "0-0," * 1000 + "0-0", 400, None),
    ],
)
def test_r44_ranges(wire, ten, asked, status, data):
    found = answer(wire, head(f"GET /v2/images/{ten}/file", CLOSE, f"Range: {asked}"))
    assert found.status == status
    if data is not None:
        assert found.body == data
        start = b"0123456789".index(data)
        assert found.headers["content-range"] == f"bytes {start}-{start + len(data) - 1}/10"


@pytest.fixture(scope="module")
def ten(service):
    return ImageClient(service.url).uploaded(b"0123456789")


# -- R46 ---------------------------------------------------------------------------------------------


def test_r46_no_link_of_an_image_shows_a_host(wire):
    """Whatever the client says of hosts: what a cache keeps of it leads nowhere else."""
    document = b'{"name": "linked"}'
    said = [
        "X-Forwarded-Host: evil.example",
        "X-Forwarded-Proto: https",
        "Forwarded: host=evil.example",
        "X-Forwarded-Prefix: /evil",
    ]
    common = [*said, CLOSE, JSON, f"Content-Length: {len(document)}"]
    created = answer(wire, head("POST http://evil.example/v2/images", *common, host="evil.example:81"), document)
    assert created.status == 201
    assert created.headers["location"].startswith("/v2/images/")
    listed = answer(wire, head("GET http://evil.example/v2/images?limit=1", *said, CLOSE, host="evil.example"))
    assert listed.status == 200
    assert b"evil" not in created.body + listed.body


def test_r46_the_versions_show_the_host_that_was_asked_and_are_not_to_be_kept(wire):
    for path in ("/", "/versions"):
        shown = answer(wire, head(f"GET {path}", "X-Forwarded-Host: evil.example", CLOSE, host="images.example"))
        assert b"http://images.example/v2/" in shown.body
        assert b"evil" not in shown.body
        assert shown.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "host", ["a b", "a@b", "a/b", "a\\b", "<script>", "a\tb", "[::1", "a:b", "\u00c3\u00a9.example", '"', "a?b", "a#b"]
)
def test_r46_what_is_no_host_is_refused(wire, host):
    assert answer(wire, head("GET /versions", host=host)).status == 400


@pytest.mark.parametrize(
    "target",
    ["http://a b/v2/images", "http://a@b/v2/images", "//evil/v2", "http:/v2/images", "ftp://here/", "*", "here:80"],
)
def test_r46_odd_targets(wire, target):
    found = answer(wire, head(f"GET {target}", CLOSE))
    assert found.status in {300, 400, 404}
    assert b"evil" not in found.body


# -- R61 ---------------------------------------------------------------------------------------------


def test_r61_wrong_verbs_on_every_path_are_told_the_right_ones(wire):
    document = yaml.safe_load((ROOT / "doc" / "source" / "api" / "openapi.yaml").read_text())
    wrong = 0
    for path, methods in document["paths"].items():
        if not path.startswith("/v2/"):
            continue
        allowed = ", ".join(sorted(method.upper() for method in methods))
        target = re.sub(r"\{\w+\}", "x", path)
        # OPTIONS is the CORS filter's to answer.
        for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE"} - {name.upper() for name in methods}:
            refused = answer(wire, head(f"{method} {target}", CLOSE, "Content-Length: 0"))
            assert (refused.status, refused.headers.get("allow")) == (405, allowed), f"{method} {target}"
            wrong += 1
        assert answer(wire, head(f"BREW {target}", CLOSE)).status == 501
    assert wrong > 100


def test_nothing_of_this_was_unexpected(service):
    for name in ("glance-api", "glance-registry"):
        assert "Traceback" not in service.log(name)
        assert service.processes[name].poll() is None
