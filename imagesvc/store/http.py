"""The http driver: reads what http(s) URLs name, through an opener that judges every URL, those of redirects too.

Options, URLs and behaviour towards users are those of glance_store's own driver, except that certificates are verified
unless the operator says otherwise, and that ranges are asked for where they are wanted.
"""

import base64
import logging
import re
import urllib.parse
from collections.abc import Callable, Iterator
from typing import Any, Self

import glance_store.driver
import requests
from glance_store import capabilities, exceptions
from glance_store._drivers import http as glance_http

from imagesvc import exception
from imagesvc.conf import store as options
from imagesvc.store.body import StreamBody

LOG = logging.getLogger(__name__)

#: Asks for a URL and follows redirects: ``opener(url, method=, headers=, verify=, proxies=) -> requests.Response``;
#: see :meth:`imagesvc.data.url_gate.Gate.open`.
Opener = Callable[..., requests.Response]

#: glance_store looks for it beside the driver.
StoreLocation = glance_http.StoreLocation

_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18}|\*)", re.ASCII)
#: What servers say that only know GET.
_NO_HEAD = frozenset({403, 405, 501})


class Store(glance_http.Store):
    """See the module.

    :ivar opener: who makes the driver gives it; without one nothing can be read.
    """

    OPTIONS = options.HTTP
    opener: Opener | None = None

    @capabilities.check
    def get(
        self,
        location: Any,
        offset: int = 0,
        chunk_size: int | None = None,
        context: Any = None,  # noqa: ARG002 - glance_store's signature
    ) -> tuple[Iterator[bytes], int]:
        body = self.open(location, offset, chunk_size)
        return body, chunk_size or body.size or 0

    def open(self, location: Any, offset: int = 0, length: int | None = None) -> StreamBody:
        """The bytes a URL names, from ``offset`` on; those before it are dropped where the server sends all.

        :raises glance_store.exceptions.NotFound, RemoteServiceUnavailable: they cannot be had now.
        """
        headers = {"Range": f"bytes={offset}-{'' if length is None else offset + length - 1}"} if offset else {}
        try:
            response = self._ask(location, "GET", headers)
        except exception.UriRefused as exc:
            # Who reads an image did not choose its URL.
            LOG.warning("An http location is not read: %s", exc.msg)
            raise exceptions.RemoteServiceUnavailable from exc
        start, size = _extent(response)
        if response.status_code not in {200, 206} or start not in {0, offset}:
            raise _unusable(response)
        if length is None and size is not None:
            length = max(0, size - offset)
        return StreamBody(_Chunks(response, self.READ_CHUNKSIZE), size, offset - start, length)

    def get_size(self, location: Any, context: Any = None) -> int:  # noqa: ARG002 - glance_store's signature
        """Bytes the server announces, 0 when it does not.

        :raises UriRefused: the URL, or one it redirects to, is none that users may name.
        """
        with self._ask(location, "HEAD", {}) as response:
            if response.status_code == 200:
                return _extent(response)[1] or 0
            if response.status_code not in _NO_HEAD:
                raise _unusable(response)
        with self._ask(location, "GET", {}) as response:
            if response.status_code != 200:
                raise _unusable(response)
            return _extent(response)[1] or 0

    def _ask(self, location: Any, method: str, headers: dict[str, str]) -> requests.Response:
        if self.opener is None:
            raise exceptions.RemoteServiceUnavailable
        conf = self.conf.glance_store
        if self.backend_group:
            conf = glance_store.driver.BackendGroupConfiguration(self.OPTIONS, self.backend_group, conf=self.conf)
        url, credentials = _without_user(location.store_location.get_uri())
        return self.opener(
            url,
            method=method,
            headers={**headers, **credentials},
            verify=conf.https_ca_certificates_file or not conf.https_insecure,
            proxies=conf.http_proxy_information,
        )


class _Chunks:
    """A response's body; unlike a generator it can be closed before it has begun."""

    def __init__(self, response: requests.Response, size: int) -> None:
        self._response = response
        self._size = size
        self.close = response.close

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        chunk: bytes = self._response.raw.read(self._size)
        if not chunk:
            raise StopIteration
        return chunk


def _extent(response: requests.Response) -> tuple[int, int | None]:
    """(first byte that is sent, bytes of the whole if the server says)."""
    if response.status_code == 206:
        found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        return (int(found[1]), None if found[2] == "*" else int(found[2])) if found else (-1, None)
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if re.fullmatch(r"\d{1,18}", length, re.ASCII) else None


def _unusable(response: requests.Response) -> Exception:
    """What to raise for an answer without data; its body, of whatever size, is not read."""
    response.close()
    LOG.warning("An http location is answered with %s.", response.status_code)
    kind: type[Exception] = (
        exceptions.NotFound if response.status_code in {404, 410} else exceptions.RemoteServiceUnavailable
    )
    return kind()


def _without_user(url: str) -> tuple[str, dict[str, str]]:
    """A URL without the name and password that older rows may have, and the header that says these."""
    parts = urllib.parse.urlsplit(url)
    user, found, host = parts.netloc.rpartition("@")
    if not found:
        return url, {}
    token = base64.b64encode(urllib.parse.unquote_to_bytes(user)).decode()
    return parts._replace(netloc=host).geturl(), {"Authorization": f"Basic {token}"}
