"""How fast a client must move what is transferred to or from it; who is slower is cut off."""

#: A rate is judged when this many seconds were spent waiting for the client: a pause of a moment is no slowness.
_SECONDS = 30.0


class TooSlow(TimeoutError):
    """The client sends or takes less than it must."""


class Pace:
    """Judges one request's transfer by the time spent waiting for the client; what the service itself needs is not its fault.

    :param least: bytes per second that the client must move.
    """

    def __init__(self, least: int) -> None:
        self._least = least
        self._seconds = 0.0
        self._bytes = 0

    def account(self, seconds: float, count: int) -> None:
        """After waiting ``seconds`` for the client, ``count`` bytes were moved.

        :raises TooSlow: that was too little for too long.
        """
        self._seconds += seconds
        self._bytes += count
        if self._seconds < _SECONDS:
            return
        if self._bytes < self._least * self._seconds:
            raise TooSlow(f"{self._bytes} bytes in {self._seconds:.0f} s of waiting")
        self._seconds, self._bytes = 0.0, 0
