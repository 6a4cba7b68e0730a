"""Nobody gets through the gate to where users must not reach: not by a URL, nor a redirect, nor a name that changes."""

import re
import ssl

import pytest
import requests
from oslo_config import cfg

from imagesvc import conf as options
from imagesvc import exception
from imagesvc.data.url_gate import Gate
from tests.fixtures.certificates import Authority
from tests.fixtures.hostile_urls import HOSTILE, NAMES
from tests.fixtures.internet import OTHER, PUBLIC, internet


@pytest.fixture
def world(monkeypatch):
    with internet(monkeypatch) as found:
        found.names.update(NAMES)
        yield found


def make_gate(world, **overrides):
    conf = cfg.ConfigOpts()
    options.register_opts(conf)
    conf([], project="imagesvc-test", default_config_files=[], default_config_dirs=[])
    conf.set_override("allowed_ports", [80, 443, world.port], "import_filtering_opts")
    for name, value in overrides.items():
        conf.set_override(name, value, "import_filtering_opts")
    return Gate(conf.import_filtering_opts, world.resolve)


def _urls(world):
    assert len(set(HOSTILE)) == len(HOSTILE) >= 60
    return [url.replace("PORT", str(world.port)) for url in HOSTILE]


def _accepted(gate, urls):
    found = []
    for url in urls:
        try:
            gate.open(url).close()
        except exception.UriRefused:
            continue
        except requests.RequestException:
            # A connection was tried.
            pass
        found.append(url)
    return found


def test_no_hostile_url_is_followed(world):
    assert _accepted(make_gate(world), _urls(world)) == []
    assert (world.visits, world.strays) == ([], [])


def test_the_canaries_sing(world):
    gate = make_gate(world, allowed_hosts=["127.0.0.1", "::1"])
    assert len(_accepted(gate, [f"http://127.0.0.1:{world.port}/", f"http://[::1]:{world.port}/"])) == 2
    assert len(world.visits) == len(world.strays) == 2


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_leads_to_a_hostile_url(world, status):
    # What names no host is a path on the same server.
    hostile = [url for url in _urls(world) if re.match(r"\w+://[^/\r]+[^\r]+$", url)]
    current = []
    server = world.serve(lambda _: (status, {"Location": current[0].encode().decode("latin-1")}, b""))
    gate = make_gate(world)
    for url in hostile:
        current[:] = [url]
        assert _accepted(gate, ["http://good.test/start"]) == [], url
    assert (world.visits, world.strays) == ([], [])
    assert len(server.requests) == len(hostile) >= 60


@pytest.mark.parametrize("inner", ["127.0.0.1", "::1", "10.0.0.5", "169.254.169.254", "0.0.0.0", "::ffff:127.0.0.1"])
def test_a_name_that_changes_is_what_it_was_when_it_was_judged(world, inner):
    world.serve(lambda _: (200, {}, b"public"))
    world.names["flips.test"] = [[PUBLIC], [inner]]
    gate = make_gate(world)
    with gate.open(f"http://flips.test:{world.port}/") as response:
        assert response.content == b"public"
    with pytest.raises(exception.UriRefused):
        gate.open(f"http://flips.test:{world.port}/")
    assert (world.visits, world.strays) == ([], [])


@pytest.mark.parametrize("inner", ["127.0.0.1", "::1", "10.0.0.5"])
def test_a_name_that_changes_between_redirects_is_judged_again(world, inner):
    server = world.serve(lambda _: (302, {"Location": "/again"}, b""))
    world.names["flips.test"] = [[PUBLIC], [inner]]
    with pytest.raises(exception.UriRefused):
        make_gate(world).open(f"http://flips.test:{world.port}/")
    assert (world.visits, world.strays, len(server.requests)) == ([], [], 1)


def test_refusals_do_not_tell_what_is_there(world):
    gate = make_gate(world)
    urls = ["http://inner.test/", "http://nowhere.test/", "http://127.0.0.1/", f"http://127.0.0.1:{world.port}/"]
    texts = set()
    for url in urls:
        with pytest.raises(exception.UriRefused) as caught:
            gate.check(url)
        texts.add(caught.value.msg)
    (text,) = texts
    assert "allow_private_networks" in text
    assert "allowed_hosts" in text


@pytest.mark.parametrize(
    ("overrides", "url", "allowed"),
    [
        ({"allow_private_networks": True}, "http://inner.test/", True),
        ({"allow_private_networks": True}, "http://[fd12:3456::1]/", True),
        ({"allow_private_networks": True}, "http://100.64.0.1/", True),
        ({"allow_private_networks": True}, "http://127.0.0.1/", False),
        ({"allow_private_networks": True}, "http://169.254.169.254/", False),
        ({"allow_private_networks": True}, "http://[fd00:ec2::254]/", False),
        ({"allow_private_networks": True}, "http://0.0.0.0/", False),
        ({"allow_private_networks": True}, "http://100.100.100.200/", False),
        ({"allowed_hosts": ["Inner.Test."]}, "http://inner.test/", True),
        ({"allowed_hosts": ["inner.test"]}, "http://good.test/", False),
        ({"allowed_hosts": ["inner.test"]}, "http://10.0.0.5/", False),
        ({"allowed_hosts": ["[::1]"]}, "http://[0::1]/", True),
        ({"allowed_hosts": ["inner.test"], "disallowed_hosts": ["inner.test"]}, "http://inner.test/", True),
        ({"disallowed_hosts": ["good.test"]}, "http://GOOD.test./", False),
        ({"disallowed_hosts": [PUBLIC]}, f"http://{PUBLIC}/", False),
        ({"disallowed_hosts": [PUBLIC]}, f"http://[::ffff:{PUBLIC}]/", False),
        ({"disallowed_hosts": [PUBLIC]}, f"http://[64:ff9b::{PUBLIC}]/", False),
        ({"disallowed_hosts": [PUBLIC]}, "http://good.test/", False),
        ({}, f"http://[64:ff9b::{PUBLIC}]/", True),
        ({"allowed_ports": [8080]}, "http://good.test/", False),
        ({"allowed_ports": [8080]}, "http://good.test:8080/", True),
        ({"allowed_ports": [], "disallowed_ports": [80]}, "http://good.test/", False),
        ({"allowed_ports": [], "disallowed_ports": [80]}, "http://good.test:22/", True),
        ({"allowed_schemes": ["https"]}, "http://good.test/", False),
        ({"allowed_schemes": ["https"]}, "HTTPS://good.test/", True),
        ({"allowed_schemes": ["https", "ftp"]}, "ftp://good.test/", False),
        ({"allowed_schemes": [], "disallowed_schemes": ["HTTP"]}, "http://good.test/", False),
        ({"allowed_schemes": [], "disallowed_schemes": ["http"]}, "https://good.test/", True),
    ],
)
def test_options(world, overrides, url, allowed):
    gate = make_gate(world, **overrides)
    if allowed:
        assert gate.check(url).addresses
    else:
        with pytest.raises(exception.UriRefused):
            gate.check(url)


def test_this_hosts_own_addresses_are_closed(world, monkeypatch):
    monkeypatch.setattr("imagesvc.data.addresses.is_own", lambda address: str(address) == PUBLIC)
    with pytest.raises(exception.UriRefused):
        make_gate(world).check("http://good.test/")


def test_what_is_sent(world):
    server = world.serve(lambda _: (200, {}, b"data"))
    with make_gate(world).open(
        f"http://Good.test.:{world.port}/a b".replace(" ", "%20"), headers={"Range": "bytes=1-"}
    ) as response:
        assert response.content == b"data"
    ((method, path, headers),) = server.requests
    assert (method, path) == ("GET", "/a%20b")
    assert headers.pop("User-Agent").startswith("imagesvc/")
    assert headers == {"Host": f"good.test:{world.port}", "Range": "bytes=1-", "Accept-Encoding": "identity"}


def test_nothing_of_the_environment_is_used(world, monkeypatch, tmp_path):
    (tmp_path / ".netrc").write_text("machine good.test login user password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{world.port}")
    server = world.serve(lambda _: (200, {}, b""))
    make_gate(world).open("http://good.test/").close()
    assert "Authorization" not in server.requests[0][2]
    assert world.visits == []


def test_a_proxy_of_the_configuration_is_used_and_asked_by_name(world):
    proxy = world.serve(lambda _: (200, {}, b"by proxy"), OTHER)
    with make_gate(world).open("http://good.test/x", proxies={"http": f"http://[{OTHER}]:3128"}) as response:
        assert response.content == b"by proxy"
    assert proxy.requests[0][1] == "http://good.test/x"


def test_redirects_keep_method_and_range_but_tell_no_other_host_of_the_rest(world):
    here = world.serve(lambda handler: (303, {"Location": "http://other.test/" if handler.path == "/b" else "b"}, b""))
    there = world.serve(lambda _: (206, {}, b"data"), OTHER)
    world.names["other.test"] = [OTHER]
    headers = {"Range": "bytes=0-3", "X-Auth-Token": "secret"}
    with make_gate(world).open("http://good.test/a", method="HEAD", headers=headers) as response:
        assert response.status_code == 206
    assert [(method, path, found.get("X-Auth-Token")) for method, path, found in here.requests] == [
        ("HEAD", "/a", "secret"),
        ("HEAD", "/b", "secret"),
    ]
    ((method, _, found),) = there.requests
    assert (method, found["Range"], found.get("X-Auth-Token")) == ("HEAD", "bytes=0-3", None)


def test_redirects_end(world):
    server = world.serve(lambda _: (301, {"Location": "/"}, b""))
    with pytest.raises(requests.TooManyRedirects):
        make_gate(world).open("http://good.test/")
    assert len(server.requests) == 6


@pytest.mark.parametrize("location", ["http://[x", "http://good.test\u2100/", "http://good.test:port/"])
def test_a_redirect_to_what_is_no_url_is_refused(world, location):
    world.serve(lambda _: (301, {"Location": location.encode().decode("latin-1")}, b""))
    with pytest.raises(exception.UriRefused):
        make_gate(world).open("http://good.test/")


def test_encoded_data_is_refused(world):
    world.serve(lambda _: (200, {"Content-Encoding": "gzip"}, b"data"))
    with pytest.raises(exception.UriRefused, match="encoded"):
        make_gate(world).open("http://good.test/")


def test_further_addresses_are_tried_when_one_does_not_answer(world):
    world.names["two.test"] = ["2606:2800:220:1::2", PUBLIC]
    world.serve(lambda _: (200, {}, b"data"))
    with make_gate(world).open("http://two.test/") as response:
        assert response.content == b"data"
    assert world.strays == ["2606:2800:220:1::2"]


class TestTls:
    @pytest.fixture
    def authority(self, tmp_path):
        return Authority(tmp_path, "authority")

    @pytest.fixture
    def serve(self, world, authority):
        def _serve(host, answer=lambda _: (200, {}, b"data")):
            lines = authority.issue(host)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(lines["ssl_options.certfile"], lines["ssl_options.keyfile"])
            return world.serve(answer, context=context)

        return _serve

    def test_the_server_must_prove_its_name_though_it_is_reached_by_its_address(self, world, authority, serve):
        serve("good.test")
        with make_gate(world).open("https://good.test/", verify=str(authority.ca)) as response:
            assert response.content == b"data"

    def test_a_certificate_of_another_name_or_of_nobody_known_is_refused(self, world, authority, serve):
        serve("other.test")
        with pytest.raises(requests.exceptions.SSLError):
            make_gate(world).open("https://good.test/", verify=str(authority.ca))
        with pytest.raises(requests.exceptions.SSLError):
            make_gate(world).open("https://good.test/")

    def test_certificates_are_not_looked_at_where_the_operator_says_so(self, world, serve):
        serve("other.test")
        with make_gate(world).open("https://good.test/", verify=False) as response:
            assert response.content == b"data"

    def test_a_redirect_does_not_leave_tls(self, world, authority, serve):
        serve("good.test", lambda _: (302, {"Location": "http://good.test/"}, b""))
        with pytest.raises(exception.UriRefused, match="from https to http"):
            make_gate(world).open("https://good.test/", verify=str(authority.ca))
