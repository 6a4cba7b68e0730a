"""A small HTTP/1.1 client whose own cost does not drown what it measures."""

import os
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

_BLOCK = 1 << 20
#: One operation of a socket may take this long.
_SECONDS = 600


@dataclass
class Response:
    status: int
    headers: dict[str, str]
    body: bytes
    length: int


class Client:
    """One connection to ``base``, opened anew for every request when ``keep_alive`` is false."""

    def __init__(self, base: str, headers: dict[str, str], *, keep_alive: bool) -> None:
        parts = urlsplit(base)
        self.base = base
        self._again = (base, headers, keep_alive)
        self._address = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._keep_alive = keep_alive
        lines = {"Host": parts.netloc, "Connection": "keep-alive" if keep_alive else "close", **headers}
        self._common = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self._socket: socket.socket | None = None
        self._rest = b""

    def another(self) -> "Client":
        """A client of the same service with a connection of its own."""
        base, headers, keep_alive = self._again
        return Client(base, headers, keep_alive=keep_alive)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket, self._rest = None, b""

    def request(self, method: str, path: str, body: bytes = b"", media_type: str = "application/json") -> Response:
        head = f"{method} {path} HTTP/1.1\r\n{self._common}"
        if body or method in {"POST", "PUT", "PATCH"}:
            head += f"Content-Type: {media_type}\r\nContent-Length: {len(body)}\r\n"
        return self._exchange(head, [body])

    def upload(self, path: str, blocks: Iterator[bytes], size: int) -> Response:
        """PUT ``size`` bytes without holding them in memory."""
        head = (
            f"PUT {path} HTTP/1.1\r\n{self._common}Content-Type: application/octet-stream\r\nContent-Length: {size}\r\n"
        )
        return self._exchange(head, blocks)

    def download(self, path: str) -> Response:
        """GET ``path``; the body is counted, not kept."""
        return self._exchange(f"GET {path} HTTP/1.1\r\n{self._common}", [], keep=False)

    def _exchange(self, head: str, blocks: Iterator[bytes] | list[bytes], *, keep: bool = True) -> Response:
        if self._socket is None:
            self._socket = _connect(self._address)
        try:
            self._socket.sendall(head.encode() + b"\r\n")
            for block in blocks:
                self._socket.sendall(block)
            response = self._read(self._socket, keep=keep)
        except BaseException:
            self.close()
            raise
        if not self._keep_alive or response.headers.get("connection", "").lower() == "close":
            self.close()
        return response

    def _read(self, sock: socket.socket, *, keep: bool) -> Response:
        data = self._rest
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self._more(sock)
        lines = data[:end].decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        status, rest = int(lines[0].split()[1]), data[end + 4 :]
        if headers.get("transfer-encoding", "").lower() == "chunked":
            raise ValueError("the bench does not read chunked responses")
        expected = 0 if status == 204 else int(headers.get("content-length", 0))
        return self._body(sock, Response(status, headers, b"", expected), rest, keep=keep)

    def _body(self, sock: socket.socket, response: Response, rest: bytes, *, keep: bool) -> Response:
        kept, missing = [rest[: response.length]], response.length - len(rest)
        buffer = memoryview(bytearray(_BLOCK))
        # Copying what is only counted would cost more than a service that sends by sendfile: the kernel drops it.
        flags = 0 if keep else socket.MSG_TRUNC
        while missing > 0:
            count = sock.recv_into(buffer, min(missing, _BLOCK), flags)
            if not count:
                raise ConnectionError(f"{missing} bytes of the body are missing")
            missing -= count
            if keep:
                kept.append(bytes(buffer[:count]))
        self._rest = rest[response.length :]
        response.body = b"".join(kept) if keep else b""
        return response

    @staticmethod
    def _more(sock: socket.socket) -> bytes:
        data = sock.recv(65536)
        if not data:
            raise ConnectionError("the server closed the connection")
        return data


def _connect(address: tuple[str, int]) -> socket.socket:
    """A connection on which the kernel keeps the time: by a timeout of its own, Python asks poll() before every receive."""
    sock = socket.create_connection(address, timeout=_SECONDS)
    sock.settimeout(None)
    for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
        sock.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", _SECONDS, 0))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def random_blocks(size: int) -> Iterator[bytes]:
    """``size`` incompressible bytes, the same block over and over: making them must cost nothing."""
    block = os.urandom(_BLOCK)
    for offset in range(0, size, _BLOCK):
        yield block[: min(_BLOCK, size - offset)]
