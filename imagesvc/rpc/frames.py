"""Messages on a local:// connection: four bytes of length, big-endian, then that many bytes of a JSON object."""

import socket
import struct
from collections.abc import Callable
from typing import Any

from imagesvc import jsontext

_LENGTH = struct.Struct("!I")
_CREDENTIALS = struct.Struct("3i")


class Malformed(Exception):
    """The peer does not keep to the format; its connection is of no more use."""


class TooLarge(Exception):
    """The message exceeds the limit."""


def encode(value: dict[str, Any], limit: int, write: Callable[[Any], bytes] = jsontext.exact) -> bytes:
    """The frame of ``value``.

    :param limit: most bytes of JSON.
    :param write: what makes JSON of it.
    :raises TooLarge: if there are more.
    :raises ValueError: on NaN and infinities, which are not JSON.
    :raises TypeError: on anything else that is not JSON.
    """
    body = write(value)
    if len(body) > limit:
        raise TooLarge
    return _LENGTH.pack(len(body)) + body


class Inbox:
    """What has arrived on one connection and is not yet understood.

    :param limit: most bytes of JSON in a frame.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._bytes = bytearray()

    def __len__(self) -> int:
        return len(self._bytes)

    def feed(self, data: bytes) -> None:
        self._bytes += data

    def pop(self) -> dict[str, Any] | None:
        """The next message, or None if it has not wholly arrived.

        :raises Malformed: if it is too large or not a JSON object.
        """
        if len(self._bytes) < _LENGTH.size:
            return None
        end = _LENGTH.size + _LENGTH.unpack_from(self._bytes)[0]
        if end - _LENGTH.size > self._limit:
            raise Malformed(f"a frame of {end - _LENGTH.size} bytes where {self._limit} are allowed")
        if len(self._bytes) < end:
            return None
        try:
            message = jsontext.loads(self._bytes[_LENGTH.size : end])
        except (ValueError, RecursionError) as error:
            raise Malformed(f"a frame that is not JSON: {type(error).__name__}") from None
        del self._bytes[:end]
        if not isinstance(message, dict):
            raise Malformed("a frame that is not a JSON object")
        return message


def peer_uid(connection: socket.socket) -> int:
    """The user id of the process at the other end, as the kernel knows it."""
    packed = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    uid: int = _CREDENTIALS.unpack(packed)[1]
    return uid
