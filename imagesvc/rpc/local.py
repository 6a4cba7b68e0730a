"""The oslo.messaging driver of ``local://``: RPC between processes of one user on one host, without a broker.

``local:///var/lib/glance/rpc`` names a directory of Unix sockets, one per server process.  It carries calls only: nothing is
stored, so there are neither casts nor notifications.  A server's death is seen at once.  Options: ``[rpc]``.
"""

import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import oslo_messaging as messaging
from oslo_messaging._drivers import base, common

from imagesvc import exception
from imagesvc.rpc import frames, rendezvous
from imagesvc.rpc.local_client import Pool
from imagesvc.rpc.local_server import LocalListener

_CALLS_ONLY = "local:// carries calls only; use another transport_url for notifications"


class LocalDriver(base.BaseDriver):
    """See :class:`oslo_messaging._drivers.base.BaseDriver`."""

    def __init__(
        self, conf: Any, url: Any, default_exchange: str | None = None, allowed_remote_exmods: list[str] | None = None
    ) -> None:
        super().__init__(conf, url, default_exchange, allowed_remote_exmods)
        if url.hosts or not url.virtual_host:
            raise messaging.InvalidTransportURL(str(url), "local:// needs an absolute path: local:///path/to/directory")
        self._path = Path("/" + url.virtual_host.lstrip("/"))
        self._pool = Pool(self._path, conf.rpc.max_reply_size)

    def send(
        self,
        target: Any,
        ctxt: dict[str, Any],
        message: dict[str, Any],
        wait_for_reply: bool | None = None,
        timeout: float | None = None,
        call_monitor_timeout: float | None = None,  # noqa: ARG002
        retry: int | None = None,  # noqa: ARG002
        transport_options: Any = None,  # noqa: ARG002
    ) -> Any:
        """Make a call; ``retry`` and ``call_monitor_timeout`` are moot because a server's absence shows at once.

        :raises RequestTooLarge: before anything is sent.
        :raises BadMessage: on numbers that JSON does not know.
        """
        if not wait_for_reply or target.fanout or target.server:
            raise NotImplementedError(_CALLS_ONLY)
        end = time.monotonic() + (self.conf.rpc.try_timeout if timeout is None else timeout)
        msg_id = uuid4().hex
        answer = self._pool.call(target.topic, self._encode(msg_id, ctxt, message, end), end)
        if answer.get("msg_id") != msg_id:
            raise messaging.MessageDeliveryFailure("the registry answered another call")
        if "failure" in answer:
            raise common.deserialize_remote_exception(answer["failure"], self._allowed_remote_exmods)
        return answer.get("reply")

    def _encode(self, msg_id: str, ctxt: dict[str, Any], message: dict[str, Any], end: float) -> bytes:
        limit = self.conf.rpc.max_request_size
        # The monotonic clock is the same for all processes of a host.
        request = {"msg_id": msg_id, "expires": end, "ctxt": ctxt, "message": message}
        try:
            return frames.encode(request, limit)
        except frames.TooLarge:
            raise exception.RequestTooLarge(limit=limit) from None
        except ValueError as error:
            raise exception.BadMessage(reason=str(error)) from None

    def send_notification(self, target: Any, ctxt: Any, message: Any, version: Any, retry: Any = None) -> None:
        raise NotImplementedError(_CALLS_ONLY)

    def listen(self, target: Any, batch_size: int, batch_timeout: float | None) -> LocalListener:  # noqa: ARG002
        """A listener at a new socket of the directory.

        :raises ConfigurationError: if the directory cannot be made or others could tamper with it.
        """
        limits = self.conf.rpc
        return LocalListener(
            rendezvous.create(self._path),
            target.topic,
            target.server,
            self.conf.executor_thread_pool_size,
            limits.max_request_size,
            limits.max_reply_size,
        )

    def listen_for_notifications(
        self, targets_and_priorities: Any, pool: Any, batch_size: int, batch_timeout: float | None
    ) -> None:
        raise NotImplementedError(_CALLS_ONLY)

    def cleanup(self) -> None:
        self._pool.close()
