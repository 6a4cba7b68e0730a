"""rabbit://: oslo.messaging's driver with what it does not do by itself.

Requests and replies are signed and limited in size, a blocked broker keeps nobody beyond his timeout, and only what the
registry needs is declared at the broker: one exchange and one queue; each client has a reply queue of its own.
"""

import ipaddress
import json
import logging
import re
import ssl
import threading
from collections.abc import Iterator
from typing import Any

import oslo_messaging as messaging
from oslo_config import cfg
from oslo_messaging._drivers import amqpdriver, base, impl_rabbit
from oslo_messaging._drivers import common as drivers

from imagesvc import exception
from imagesvc.rpc import frames, keys, postage, seal
from imagesvc.rpc.admission import Alarm, SignedListener
from imagesvc.rpc.lanes import Lanes

LOG = logging.getLogger(__name__)

_CALLS_ONLY = "this transport carries calls only"
#: Seconds of silence after which a registry that has a call counts as dead; a whole number, at least 2.
_SILENCE = 2
#: Seconds beyond a call's timeout in which the driver may say itself what is wrong.
_GRACE = 0.25
#: What AMQP says of an account (ACCESS_REFUSED) and of a virtual host (NOT_ALLOWED).
_REFUSALS = {403, 530}
#: Seconds for which a thread that takes messages waits in one piece.  The driver's own wait, a millisecond after each message
#: and then the double, is for messages that are acknowledged later; here all are at once, and looking up costs CPU for nothing.
_LOOK_SECONDS = 1.0
_EXCHANGE = re.compile(r"(?!amq\.)[A-Za-z0-9_.-]{1,127}")

#: What differs from oslo.messaging's defaults in [oslo_messaging_rabbit].
_DEFAULTS = {
    "heartbeat_timeout_threshold": 20,
    "kombu_missing_consumer_retry_timeout": 10,
    "kombu_reconnect_delay": 0.0,
    "kombu_reconnect_splay": 1.0,
    "rabbit_retry_interval": 1,
    "rabbit_interval_max": 5,
    # Few, so that a registry that hangs keeps few calls from the others.
    "rabbit_qos_prefetch_count": 4,
}


def set_defaults() -> None:
    """Give oslo.messaging's options, and what it has no option for, this service's defaults."""
    cfg.set_defaults(impl_rabbit.rabbit_opts, **_DEFAULTS)
    amqpdriver.ACK_REQUEUE_EVERY_SECONDS_MIN = _LOOK_SECONDS
    messaging.set_transport_defaults("glance")


class SignedDriver(base.BaseDriver):
    """Signs what ``driver`` sends and believes only what is signed.

    :param driver: oslo.messaging's, for rabbit; must re-create no exceptions.
    :param remote_modules: modules whose exceptions a signed answer may name.
    :raises ConfigurationError: the configuration is not safe, or there is no key.
    """

    def __init__(
        self, driver: Any, conf: cfg.ConfigOpts, url: messaging.TransportURL, remote_modules: list[str]
    ) -> None:
        super().__init__(conf, url, None, remote_modules)
        self._driver = driver
        self._keyring = keys.Keyring(conf.rpc.signing_key_file)
        _check_exchange(conf.control_exchange)
        _check_tls(driver.conf.oslo_messaging_rabbit, url)
        self._lanes = Lanes(driver.conf.oslo_messaging_rabbit.rpc_conn_pool_size)
        self._alarm = Alarm()
        # Chosen now, so that it can be signed before there is a connection.
        self._reply_to = driver._get_reply_queue_name()  # noqa: SLF001
        driver._get_reply_queue_name = lambda: self._reply_to  # noqa: SLF001
        # Read once: each look into the configuration costs as much as the signature.
        self._try_timeout = conf.rpc.try_timeout
        self._max_request, self._max_reply = conf.rpc.max_request_size, conf.rpc.max_reply_size

    def send(
        self,
        target: Any,
        ctxt: dict[str, Any],
        message: dict[str, Any],
        wait_for_reply: bool | None = None,
        timeout: float | None = None,
        call_monitor_timeout: float | None = None,  # noqa: ARG002
        retry: int | None = None,
        transport_options: Any = None,  # noqa: ARG002
    ) -> Any:
        """Make a call.

        :raises RequestTooLarge: before anything is sent.
        :raises BadMessage: on numbers that JSON does not know.
        :raises MessageUndeliverable: no registry is there.
        :raises MessagingTimeout: after ``timeout`` seconds, whatever the broker does, or on an answer nobody has signed.
        """
        if not wait_for_reply or target.fanout or target.server:
            raise NotImplementedError(_CALLS_ONLY)
        seconds = self._try_timeout if timeout is None else timeout
        sealed = self._seal(ctxt, message)

        def call() -> Any:
            try:
                return self._driver.send(
                    target,
                    sealed,
                    dict(message),
                    wait_for_reply=True,
                    timeout=seconds,
                    call_monitor_timeout=_SILENCE,
                    retry=retry,
                    transport_options=messaging.TransportOptions(at_least_once=True),
                )
            except (messaging.MessagingException, messaging.MessageUndeliverable, messaging.RemoteError):
                raise
            except Exception as error:  # noqa: BLE001 -- the broker's refusals come in many classes
                raise messaging.MessageDeliveryFailure(f"{type(error).__name__}: {error}") from None

        return self._open(sealed["seam"]["nonce"], call, seconds + _GRACE)

    def _seal(self, ctxt: dict[str, Any], message: dict[str, Any]) -> dict[str, Any]:
        limit = self._max_request
        addressed = {**ctxt, "seam": {**ctxt["seam"], "reply_to": self._reply_to}}
        try:
            return seal.request(self._keyring, addressed, message, limit)
        except frames.TooLarge:
            raise exception.RequestTooLarge(limit=limit) from None
        except ValueError as error:
            raise exception.BadMessage(reason=str(error)) from None

    def _open(self, nonce: str, call: Any, seconds: float) -> Any:
        """What the answer to ``call`` says."""
        try:
            sealed = self._lanes.run(call, seconds)
            text = seal.check_reply(self._keyring, nonce, sealed)
        except messaging.RemoteError:
            refusal: object = "an error without a signature"
        except seal.Unsealed as error:
            refusal = error
        else:
            if len(text) <= self._max_reply:
                return self._read(json.loads(text))
            refusal = f"an answer of {len(text)} characters where {self._max_reply} are allowed"
        self._alarm.ring(refusal)
        raise messaging.MessagingTimeout("no answer that could be believed")

    def _read(self, outcome: dict[str, Any]) -> Any:
        if "failure" in outcome:
            raise drivers.deserialize_remote_exception(outcome["failure"], self._allowed_remote_exmods)
        return outcome["reply"]

    def check_account(self) -> None:
        """Connect once, if a broker answers within seconds.

        :raises ConfigurationError: it refuses the account or the virtual host.
        """
        url = self._url
        try:
            connection = impl_rabbit.Connection(self._driver.conf, url, drivers.PURPOSE_LISTEN, retry=0)
        except Exception as error:  # noqa: BLE001 -- libraries wrap what the broker said in classes of their own
            for cause in _causes(error):
                if getattr(cause, "reply_code", None) in _REFUSALS:
                    account = url.hosts[0].username if url.hosts else "guest"
                    raise exception.ConfigurationError(
                        reason=f"transport_url: the broker refuses the account {account!r} at the virtual host"
                        f" {url.virtual_host or '/'!r}: {cause.reply_text}"
                    ) from None
            LOG.info("The broker does not answer yet: %s", type(error).__name__)
        else:
            connection.close()

    def send_notification(self, target: Any, ctxt: Any, message: Any, version: Any, retry: Any = None) -> None:
        raise NotImplementedError(_CALLS_ONLY)

    def listen(self, target: Any, batch_size: int, batch_timeout: float | None) -> SignedListener:
        """A listener at the topic's queue; waits for the broker as long as it takes.

        :raises ConfigurationError: the broker does not let the account, or has a queue of another kind.
        """
        listener = base.PollStyleListenerAdapter(self._consume(target), batch_size, batch_timeout)
        most = self.conf.executor_thread_pool_size
        return SignedListener(listener, self._keyring, self._lanes, most, self._max_request, self._max_reply)

    def _consume(self, target: Any) -> amqpdriver.RpcAMQPListener:
        """What the driver's own ``listen`` does for the topic, without queues for single servers and for all of them.

        The queue goes with its last registry, so that a call finds out at once that there is none; quorum queues stay.
        """
        connection = self._driver._get_connection(drivers.PURPOSE_LISTEN)  # noqa: SLF001 -- see above
        # Twice that, and whoever asked has asked again.
        listener = postage.make_listener(self._driver, connection, self._try_timeout / 2)
        options = self._driver.conf.oslo_messaging_rabbit
        consumer = impl_rabbit.Consumer(
            exchange_name=self._driver._get_exchange(target),  # noqa: SLF001
            queue_name=target.topic,
            routing_key=target.topic,
            type="topic",
            durable=options.amqp_durable_queues or options.rabbit_quorum_queue,
            exchange_auto_delete=options.amqp_auto_delete,
            queue_auto_delete=not options.rabbit_quorum_queue,
            callback=listener,
            enable_cancel_on_failover=options.enable_cancel_on_failover,
            rabbit_quorum_queue=options.rabbit_quorum_queue,
            rabbit_quorum_queue_config=impl_rabbit.QuorumMemConfig(
                options.rabbit_quorum_delivery_limit,
                options.rabbit_quorum_max_memory_length,
                options.rabbit_quorum_max_memory_bytes,
            ),
        )
        try:
            connection.declare_consumer(consumer)
        except messaging.MessageDeliveryFailure as error:
            # A broker that is away is waited for in there; this one has answered.
            raise exception.ConfigurationError(
                reason=f"the broker refuses what glance-registry needs: {error}"
            ) from None
        return listener

    def listen_for_notifications(
        self, targets_and_priorities: Any, pool: Any, batch_size: int, batch_timeout: float | None
    ) -> None:
        raise NotImplementedError(_CALLS_ONLY)

    def cleanup(self) -> None:
        """Release the connections; a broker that does not let go keeps nobody waiting."""
        self._lanes.close()
        closing = threading.Thread(target=self._driver.cleanup, daemon=True, name="rpc-cleanup")
        closing.start()
        closing.join(2)


def _check_exchange(name: str) -> None:
    if not _EXCHANGE.fullmatch(name):
        raise exception.ConfigurationError(
            reason=f"control_exchange is {name!r}; letters, digits, '.', '_' and '-' are allowed, and not amq. in front"
        )


def _check_tls(options: Any, url: messaging.TransportURL) -> None:
    """Refuse TLS that would believe anybody, and say so where there is none.

    :param options: the group ``oslo_messaging_rabbit``.
    """
    if not options.ssl:
        remote = [host.hostname for host in url.hosts if not _is_loopback(host.hostname)]
        if remote:
            LOG.warning("Messages to %s are signed but not encrypted; see ssl in [oslo_messaging_rabbit]", remote[0])
        return
    if not options.ssl_ca_file:
        raise exception.ConfigurationError(
            reason="[oslo_messaging_rabbit] ssl is set, so ssl_ca_file must name the CA that signed the broker's certificate"
        )
    try:
        ssl.create_default_context(cafile=options.ssl_ca_file)
    except OSError as error:  # SSLError is one
        raise exception.ConfigurationError(
            reason=f"[oslo_messaging_rabbit] ssl_ca_file {options.ssl_ca_file}: {error.strerror or error}"
        ) from None


def _causes(error: BaseException | None) -> Iterator[Any]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _is_loopback(host: str | None) -> bool:
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return host in {"localhost", None, ""}
