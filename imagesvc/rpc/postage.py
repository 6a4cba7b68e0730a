"""How a registry's answer gets into the caller's queue at the broker: soon, or not at all.

oslo.messaging tries without end to publish an answer.  A queue without a leader and a broker that blocks publishers confirm
nothing, so each answer for them would keep a thread and a connection for good.  Who does not get his answer in time asks
again, and is told what is written down.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

from oslo_messaging._drivers import amqpdriver, impl_rabbit


def make_listener(driver: Any, connection: Any, seconds: float) -> amqpdriver.RpcAMQPListener:
    """oslo.messaging's listener at ``connection``, for calls whose answers are published so.

    :param seconds: that the broker may take to confirm one.
    """
    return amqpdriver.RpcAMQPListener(_Driver(driver, seconds), connection)


class _Driver:
    """The driver as calls see it that want to be answered."""

    def __init__(self, driver: Any, seconds: float) -> None:
        self._driver = driver
        self._seconds = seconds

    @contextlib.contextmanager
    def _get_connection(self, purpose: str) -> Iterator["_Sender"]:
        with self._driver._get_connection(purpose, retry=1) as connection:  # noqa: SLF001
            yield _Sender(connection, self._seconds)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._driver, name)


class _Sender:
    """A connection of the driver's, except that publishing comes to an end."""

    def __init__(self, connection: Any, seconds: float) -> None:
        self._connection = connection
        self._seconds = seconds

    def direct_send(self, queue: str, message: Any) -> None:
        """Publish to a queue by its name; once more over a new connection, if the first is dead or nothing is confirmed.

        :raises MessageDeliveryFailure: that did not help.
        """
        impl_rabbit.Connection.direct_send(self, queue, message)

    def _ensure_publishing(self, *args: Any, **kwargs: Any) -> None:
        self._connection._ensure_publishing(*args, **kwargs, timeout=self._seconds, retry=1)  # noqa: SLF001

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)
