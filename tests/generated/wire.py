"""Sends requests byte by byte as they are, on a connection that is kept where the service keeps it."""

import contextlib
import dataclasses
import http.client
import socket

from tests.generated.asks import Ask

#: A request that is not answered by then hangs.
SECONDS = 30


@dataclasses.dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


class Wire:
    """:param port: on the loopback interface."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._sock: socket.socket | None = None

    def send(self, ask: Ask) -> Answer:
        """The answer.

        :raises OSError: there is none.
        """
        data = encoded(ask)
        if self._sock is not None:
            with contextlib.suppress(ConnectionError, http.client.HTTPException):
                return self._exchange(self._sock, data, ask.method)
        # Kept connections may be closed at any time.
        self.close()
        self._sock = self.connect()
        return self._exchange(self._sock, data, ask.method)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self._port), timeout=SECONDS)

    def _exchange(self, sock: socket.socket, data: bytes, method: str) -> Answer:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused before its end, and answered
            sock.sendall(data)
        with http.client.HTTPResponse(sock, method=method) as response:
            response.begin()
            headers = {name.lower(): value for name, value in response.getheaders()}
            answer = Answer(response.status, headers, response.read())
        if headers.get("connection") == "close":
            self.close()
        return answer

    def close(self) -> None:
        if self._sock is not None:
            self._sock.close()
        self._sock = None


def encoded(ask: Ask) -> bytes:
    """The request's bytes."""
    lines = [
        f"{ask.method} {ask.target} HTTP/1.1",
        "Host: localhost",
        *(f"{name}: {value}" for name, value in ask.headers),
    ]
    body = ask.body or b""
    if ask.body is not None and ask.is_chunked:
        lines.append("Transfer-Encoding: chunked")
        body = (b"%x\r\n%s\r\n" % (len(body), body) if body else b"") + b"0\r\n\r\n"
    elif ask.body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body
