"""How URLs are read; who gets through is tried in tests/contract/test_url_gate.py."""

import pytest

from imagesvc import exception
from imagesvc.data import url_gate


@pytest.mark.parametrize(
    ("url", "read"),
    [
        ("http://example.org", "http://example.org/"),
        ("HTTPS://Example.ORG.:443?a=b#c", "https://example.org/?a=b"),
        ("https://example.org:/x", "https://example.org/x"),
        ("http://example.org:443/x", "http://example.org:443/x"),
        ("http://my_host.example-1.org/%20?q=/@:", "http://my_host.example-1.org/%20?q=/@:"),
        ("http://bücher.example/", "http://xn--bcher-kva.example/"),
        ("http://[2001:DB8:0::1]:8080/", "http://[2001:db8::1]:8080/"),
        ("http://192.0.2.1./", "http://192.0.2.1/"),
        ("http://1.2.3.4.example/", "http://1.2.3.4.example/"),
    ],
)
def test_a_url_is_read_in_one_way(url, read):
    assert url_gate.parse(url).url == read


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://example.org/", "its scheme ftp is not http or https"),
        ("http://user:secret@example.org/", "it names a user"),
        ("http://example.org:65536/", "its host or port is malformed"),
        ("http://192.0.2.01/", "its host is malformed"),
        ("http://a..example/", "its host is malformed"),
        (f"http://{'a' * 64}.example/", "its host is malformed"),
        ("http://example.org/a\tb", "it is malformed"),
        (f"http://example.org/{'a' * 2048}", "it is malformed"),
    ],
)
def test_what_is_wrong_with_a_url_is_told(url, reason):
    with pytest.raises(exception.UriRefused) as caught:
        url_gate.parse(url)
    assert caught.value.msg == f"The URI is refused: {reason}."


def test_an_address_takes_the_place_of_the_host():
    (address,) = url_gate.resolve("127.0.0.1", 8080)
    assert url_gate.parse("http://example.org:8080/x").at(address) == "http://127.0.0.1:8080/x"
    (address,) = url_gate.resolve("::1", 80)
    assert url_gate.parse("http://example.org/x").at(address) == "http://[::1]/x"
