"""A stand-in for Keystone's middleware between a client and a service: the address says who asks.

Clients have no way to send identity headers themselves.  What they ask of Keystone, which has the same address here, is forbidden:
then they take the name of a project for its id.
"""

import contextlib
import http.client
import http.server
import threading
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

#: Headers of a connection rather than of what is sent over it.
_OWN = {"connection", "transfer-encoding", "keep-alive", "date", "server", "content-length"}


class _Front(http.server.ThreadingHTTPServer):
    """:ivar service: host and port behind it.

    :ivar identity: headers to add.
    """

    daemon_threads = True
    service = ""
    identity: Mapping[str, str]


@contextlib.contextmanager
def between(url: str, identity: Mapping[str, str]) -> Iterator[str]:
    """URL that leads to the service at ``url`` with these headers."""
    server = _Front(("127.0.0.1", 0), _Handler)
    server.service, server.identity = urlsplit(url).netloc, identity
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Front

    def log_message(self, *_arguments: Any) -> None:
        """Nobody reads it."""

    def pass_on(self) -> None:
        body = self._body()
        if "/projects" in self.path:
            self._answer(403, {}, b"")
            return
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _OWN}
        connection = http.client.HTTPConnection(self.server.service, timeout=120)
        try:
            # The host stays the client's, so that links lead through here.
            connection.request(self.command, self.path, body, headers | dict(self.server.identity))
            response = connection.getresponse()
            self._answer(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    def _body(self) -> bytes | None:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return b"".join(iter(self._chunk, b""))
        length = int(self.headers.get("Content-Length", 0))
        return self.rfile.read(length) if length else None

    def _chunk(self) -> bytes:
        data = self.rfile.read(int(self.rfile.readline().partition(b";")[0], 16))
        self.rfile.readline()
        return data

    def _answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in _OWN:
                self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


for _method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"):
    setattr(_Handler, f"do_{_method}", _Handler.pass_on)
