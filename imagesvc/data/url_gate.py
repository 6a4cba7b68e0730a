"""The one gate for URLs that users give, and the one way to fetch from them.

A user who names a URL has this service connect to it, from inside of the cloud. So a URL is read strictly, every address
its host has is judged (:mod:`imagesvc.data.addresses`), the connection goes to an address that was judged, whatever the
name means by then, and each redirect is a URL like the first.
"""

import contextlib
import dataclasses
import ipaddress
import re
import socket
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any, Self

import requests
from oslo_config import cfg
from requests.adapters import HTTPAdapter

from imagesvc import __version__, exception
from imagesvc.data.addresses import Address, reach, unwrap

#: From a host name and a port to all addresses the name has; raises OSError when it has none.
Resolver = Callable[[str, int], list[Address]]

MAX_REDIRECTS = 5
#: Seconds to wait for a connection, and for the next bytes on it.
TIMEOUT = (5.0, 30.0)

_DEFAULT_PORTS = {"http": 80, "https": 443}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
#: Addresses of one name that are tried when the former ones do not answer.
_TRIES = 3
_MAX_LENGTH = 2048
# What a URL may not hold anywhere: where it stands, two programs may read two hosts.
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f\\]")
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^#]*)(?:#.*)?", re.DOTALL)
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:@%]+)(?::([0-9]{0,5}))?")
_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
# A last label like this makes other programs read the whole name as an IPv4 address, in whichever notation.
_NUMERIC = re.compile(r"(.*\.)?([0-9]+|0x[0-9a-f]*)")

_OPTIONS = "of [import_filtering_opts]"
# One text for all that a name may lead to, or nowhere: it must not tell which names and addresses there are inside.
_UNREACHABLE = (
    f"its host has no address that may be fetched from (see allow_private_networks and allowed_hosts {_OPTIONS})"
)


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    """A URL that has passed the gate.

    :ivar host: as names are compared: lower case, ASCII, no trailing dot; an address without brackets.
    :ivar path: with its query; begins with a slash.
    :ivar addresses: what the host means; all of them were judged.
    """

    scheme: str
    host: str
    port: int
    path: str
    addresses: tuple[Address, ...] = ()

    @property
    def authority(self) -> str:
        """Host and port as the ``Host`` header has them."""
        return _authority(self.host, self.port, self.scheme)

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"

    def at(self, address: Address) -> str:
        """The URL with the host replaced by one of its addresses."""
        return f"{self.scheme}://{_authority(str(address), self.port, self.scheme)}{self.path}"


class Gate:
    """See the module; one for all threads.

    :param options: the group ``import_filtering_opts``.
    """

    def __init__(self, options: Any, resolver: Resolver | None = None) -> None:
        self._resolve = resolver or resolve
        self._schemes = _Lists("scheme", options, str.lower)
        self._hosts = _Lists("host", options, _comparable)
        self._ports = _Lists("port", options, int)
        self._private: bool = options.allow_private_networks

    @classmethod
    def from_conf(cls, conf: cfg.ConfigOpts) -> Self:
        return cls(conf.import_filtering_opts)

    def check(self, url: str) -> Target:
        """What ``url`` leads to; resolves its host.

        :raises UriRefused: users may not have this service fetch from there.
        """
        target = parse(url)
        self._schemes.check(target.scheme)
        self._ports.check(target.port)
        self._hosts.check(_comparable(target.host))
        try:
            found = self._resolve(target.host, target.port)
        except (OSError, UnicodeError):
            found = []
        if not found or not all(self._may_reach(target.host, address) for address in found):
            raise _refused(_UNREACHABLE)
        return dataclasses.replace(target, addresses=tuple(dict.fromkeys(found)))

    def _may_reach(self, host: str, address: Address) -> bool:
        if self._hosts.names(_comparable(host)):
            return True
        if not self._hosts.allows(str(unwrap(address))):
            return False
        return reach(address) in (("public", "private") if self._private else ("public",))

    def open(
        self,
        url: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        verify: bool | str = True,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Ask for ``url`` and follow its redirects, each through this gate; the caller closes the answer, of any status.

        :param headers: sent to the URL's own origin; to others it redirects to, only ``Range``.
        :param verify: whether certificates must be right, or the file with authorities to judge them by.
        :param proxies: by scheme. A proxy resolves names itself, so what they mean to it is for the proxy to judge.
        :raises UriRefused: by :meth:`check`, here or behind a redirect, or the data comes encoded.
        :raises requests.RequestException: nobody answers, or not rightly, or there are too many redirects.
        """
        target = self.check(url)
        headers = dict(headers or {})
        for _ in range(MAX_REDIRECTS + 1):
            response = _send(target, method, headers, verify, proxies or {})
            location = _redirect(response)
            if location is None:
                return _plain(response)
            response.close()
            following = self.check(_join(target.url, location))
            if (target.scheme, following.scheme) == ("https", "http"):
                raise _refused("it redirects from https to http")
            if (target.scheme, target.authority) != (following.scheme, following.authority):
                headers = {name: value for name, value in headers.items() if name.lower() == "range"}
            target = following
        raise requests.TooManyRedirects


class _Lists:
    """The two lists of one part of a URL: if there is an allow list, it alone counts."""

    def __init__(self, part: str, options: Any, read: Callable[[Any], Any]) -> None:
        self._part = part
        self._allowed = frozenset(map(read, options[f"allowed_{part}s"]))
        self._disallowed = frozenset(map(read, options[f"disallowed_{part}s"]))

    def names(self, value: Any) -> bool:
        """Whether the operator allows just this."""
        return value in self._allowed

    def allows(self, value: Any) -> bool:
        return value in self._allowed if self._allowed else value not in self._disallowed

    def check(self, value: Any) -> None:
        if not self.allows(value):
            name = f"allowed_{self._part}s" if self._allowed else f"disallowed_{self._part}s"
            raise _refused(f"its {self._part} {value} is refused by {name} {_OPTIONS}")


def parse(url: str) -> Target:
    """Read an http(s) URL, strictly; nothing is looked up.

    :raises UriRefused: it is not one, or could be read in more than one way.
    """
    found = None if len(url) > _MAX_LENGTH or _FORBIDDEN.search(url) else _URL.fullmatch(url)
    if found is None:
        raise _refused("it is malformed")
    scheme, authority, path = found[1].lower(), found[2], found[3]
    if scheme not in _DEFAULT_PORTS:
        raise _refused(f"its scheme {scheme} is not http or https")
    if "@" in authority:
        raise _refused("it names a user")
    split = _AUTHORITY.fullmatch(authority)
    port = int(split[2] or _DEFAULT_PORTS[scheme]) if split else 0
    if split is None or not 0 < port <= 65535:
        raise _refused("its host or port is malformed")
    return Target(scheme, _host(split[1]), port, path if path.startswith("/") else f"/{path}")


def _host(text: str) -> str:
    """A host as names are compared; an address in its one canonical form.

    :raises UriRefused: it is neither a name nor an address in its usual notation.
    """
    try:
        if text.startswith("["):
            return str(ipaddress.IPv6Address(text[1:-1]))
        # Full-width letters, digits and dots are the ASCII ones by now.
        name = text.encode("idna").decode("ascii").lower().removesuffix(".")
        if _NUMERIC.fullmatch(name):
            return str(ipaddress.IPv4Address(name))
    except ValueError as exc:
        raise _refused("its host is malformed") from exc
    if not _NAME.fullmatch(name):
        raise _refused("its host is malformed")
    return name


def _comparable(host: str) -> str:
    """A host of an option or of a URL: the same text for all ways to write the same."""
    bare = host.strip().lower().removeprefix("[").removesuffix("]").removesuffix(".")
    try:
        return str(unwrap(ipaddress.ip_address(bare)))
    except ValueError:
        return bare


def _authority(host: str, port: int, scheme: str) -> str:
    name = f"[{host}]" if ":" in host else host
    return name if port == _DEFAULT_PORTS[scheme] else f"{name}:{port}"


def _refused(reason: str) -> exception.UriRefused:
    return exception.UriRefused(reason=reason)


def resolve(host: str, port: int) -> list[Address]:
    """All addresses of a name, in the system's order of preference; an address is its own.

    :raises OSError: there is no such name, or nobody knows.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return [ipaddress.ip_address(str(sockaddr[0]).partition("%")[0]) for *_, sockaddr in found]


class _Pinned(HTTPAdapter):
    """Connects to the address in the URL it is given, for a server that must prove to be ``name``."""

    def __init__(self, name: str) -> None:
        self._name = name
        super().__init__()

    def build_connection_pool_key_attributes(self, *args: Any, **kwargs: Any) -> Any:
        host, pool = super().build_connection_pool_key_attributes(*args, **kwargs)
        if host["scheme"] == "https":
            pool |= {"server_hostname": self._name, "assert_hostname": self._name}
        return host, pool


def _send(
    target: Target, method: str, headers: Mapping[str, str], verify: bool | str, proxies: Mapping[str, str]
) -> requests.Response:
    """One request, to the first of the target's addresses that can be connected to."""
    sent = {
        **headers,
        "Host": target.authority,
        "User-Agent": f"imagesvc/{__version__}",
        "Accept-Encoding": "identity",
    }
    proxy = {scheme: proxies[scheme] for scheme in proxies if scheme == target.scheme}
    urls = [target.url] if proxy else [target.at(address) for address in target.addresses[:_TRIES]]
    while True:
        # No session: it would prepare the next request itself, and use proxies and passwords of the environment.
        request = requests.Request(method, urls.pop(0), headers=sent).prepare()
        try:
            with contextlib.closing(_Pinned(target.host)) as adapter:
                return adapter.send(request, stream=True, timeout=TIMEOUT, verify=verify, proxies=proxy)
        except requests.ConnectionError:
            if not urls:
                raise


def _redirect(response: requests.Response) -> str | None:
    location = response.headers.get("Location") if response.status_code in _REDIRECTS else None
    # Headers are read as latin-1, whatever they are.
    return None if location is None else location.encode("latin-1").decode("utf-8", "replace")


def _join(url: str, location: str) -> str:
    try:
        return urllib.parse.urljoin(url, location)
    except ValueError as exc:
        raise _refused("it redirects to what is no URL") from exc


def _plain(response: requests.Response) -> requests.Response:
    """The answer, if its body is the data itself."""
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        response.close()
        raise _refused("its server sends the data encoded")
    return response
