"""rabbit://: oslo.messaging's driver with what it does not do by itself.

Requests and replies are signed and limited in size, a blocked broker keeps nobody beyond his timeout, and only what the
registry needs is declared at the broker: one exchange and one queue; each client has a reply queue of its own.
"""

import ipaddress
import logging
import re
import ssl
from collections.abc import Iterator
from typing import Any

import oslo_messaging as messaging
from kombu import entity
from oslo_config import cfg
from oslo_messaging._drivers import base, impl_rabbit
from oslo_messaging._drivers import common as drivers

from imagesvc import exception, jsontext
from imagesvc.rpc import frames, keys, letters, mailbox, seal
from imagesvc.rpc.admission import Alarm, SignedListener
from imagesvc.rpc.inbox import Inbox
from imagesvc.rpc.link import Consumer, Link
from imagesvc.rpc.postage import Postage

LOG = logging.getLogger(__name__)

_CALLS_ONLY = "this transport carries calls only"
#: What AMQP says of an account (ACCESS_REFUSED) and of a virtual host (NOT_ALLOWED).
_REFUSALS = {403, 530}
#: Seconds that closing the connections may take.
_CLOSING_SECONDS = 2.0
_EXCHANGE = re.compile(r"(?!amq\.)[A-Za-z0-9_.-]{1,127}")

#: What differs from oslo.messaging's defaults in [oslo_messaging_rabbit].
_DEFAULTS = {
    "heartbeat_timeout_threshold": 20,
    "kombu_reconnect_delay": 0.0,
    "kombu_reconnect_splay": 1.0,
    "rabbit_retry_interval": 1,
    "rabbit_interval_max": 5,
    # Few, so that a registry that hangs keeps few calls from the others.
    "rabbit_qos_prefetch_count": 4,
}


def set_defaults() -> None:
    """Give oslo.messaging's options this service's defaults."""
    cfg.set_defaults(impl_rabbit.rabbit_opts, **_DEFAULTS)
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
        self._exchange: str = conf.control_exchange
        _check_exchange(self._exchange)
        _check_tls(driver.conf.oslo_messaging_rabbit, url)
        self._alarm = Alarm()
        # Chosen now, so that it can be signed before there is a connection.
        self._reply_to = driver._get_reply_queue_name()  # noqa: SLF001
        self._mailbox = mailbox.Mailbox(self._connect_for_answers)
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
        retry: int | None = None,  # noqa: ARG002 -- who hears nothing asks again
        transport_options: Any = None,  # noqa: ARG002
    ) -> Any:
        """Make a call.

        :raises RequestTooLarge: before anything is sent.
        :raises BadMessage: on numbers that JSON does not know.
        :raises MessageUndeliverable: no registry is there.
        :raises MessagingTimeout: after ``timeout`` seconds, whatever the broker does, or on an answer nobody has signed.
        :raises MessageDeliveryFailure: the broker was lost.
        """
        if not wait_for_reply or target.fanout or target.server:
            raise NotImplementedError(_CALLS_ONLY)
        seconds = self._try_timeout if timeout is None else timeout
        sealed = self._seal(ctxt, message)
        nonce = sealed["seam"]["nonce"]
        body = letters.request(sealed, message, nonce, self._reply_to, mailbox.SILENCE)
        return self._open(nonce, self._mailbox.call(nonce, self._exchange, target.topic, body, seconds))

    def _seal(self, ctxt: dict[str, Any], message: dict[str, Any]) -> dict[str, Any]:
        limit = self._max_request
        addressed = {**ctxt, "seam": {**ctxt["seam"], "reply_to": self._reply_to, "answer": letters.PLAIN}}
        try:
            return seal.request(self._keyring, addressed, message, limit)
        except frames.TooLarge:
            raise exception.RequestTooLarge(limit=limit) from None
        except ValueError as error:
            raise exception.BadMessage(reason=str(error)) from None

    def _open(self, nonce: str, sealed: Any) -> Any:
        """What an answer says."""
        try:
            if isinstance(sealed, str):
                raise seal.Unsealed(sealed)
            text = seal.check_reply(self._keyring, nonce, sealed)
            if len(text) > self._max_reply:
                raise seal.Unsealed(f"an answer of {len(text)} characters where {self._max_reply} are allowed")
        except seal.Unsealed as refusal:
            self._alarm.ring(refusal)
            raise messaging.MessagingTimeout("no answer that could be believed") from None
        return self._read(jsontext.loads(text))

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

    def listen(self, target: Any, batch_size: int, batch_timeout: float | None) -> SignedListener:  # noqa: ARG002
        """A listener at the topic's queue; waits for the broker as long as it takes.

        :raises ConfigurationError: the broker does not let the account, or has a queue of another kind.
        """
        # Twice that, and whoever asked has asked again.
        postage = Postage(self._try_timeout / 2)

        def connect(prepare: Any, lost: Any, callback: Any) -> Link:
            link = Link(self._driver.conf, self._url, prepare, lost)
            try:
                link.declare_consumer(self._topic_consumer(target, callback))
            except messaging.MessageDeliveryFailure as error:
                # A broker that is away is waited for in there; this one has answered.
                raise exception.ConfigurationError(
                    reason=f"the broker refuses what glance-registry needs: {error}"
                ) from None
            return link

        most = self.conf.executor_thread_pool_size
        return SignedListener(Inbox(connect, postage), self._keyring, most, self._max_request, self._max_reply)

    def _topic_consumer(self, target: Any, callback: Any) -> Consumer:
        """What the driver's own ``listen`` consumes for the topic, without queues for single servers and for all of them.

        The queue goes with its last registry, so that a call finds out at once that there is none; quorum queues stay.
        """
        options = self._driver.conf.oslo_messaging_rabbit
        return Consumer(
            no_ack=False,
            exchange_name=self._exchange,
            queue_name=target.topic,
            routing_key=target.topic,
            type="topic",
            durable=options.amqp_durable_queues or options.rabbit_quorum_queue,
            exchange_auto_delete=options.amqp_auto_delete,
            queue_auto_delete=not options.rabbit_quorum_queue,
            callback=callback,
            enable_cancel_on_failover=options.enable_cancel_on_failover,
            rabbit_quorum_queue=options.rabbit_quorum_queue,
            rabbit_quorum_queue_config=_quorum(options),
        )

    def _connect_for_answers(self, lost: Any, returned: Any, callback: Any) -> Link:
        """A link at the queue for answers, which is the driver's own, and at the exchange that calls go to."""
        options = self._driver.conf.oslo_messaging_rabbit
        exchange = entity.Exchange(  # type: ignore[no-untyped-call]
            self._exchange,
            type="topic",
            durable=options.amqp_durable_queues or options.rabbit_quorum_queue,
            auto_delete=options.amqp_auto_delete,
        )

        def declare(channel: Any) -> None:
            exchange(channel).declare()  # type: ignore[no-untyped-call]

        link = Link(self._driver.conf, self._url, declare, lost, returned)
        link.declare_consumer(
            Consumer(
                no_ack=True,
                exchange_name="",
                queue_name=self._reply_to,
                routing_key="",
                type="direct",
                durable=options.rabbit_transient_quorum_queue,
                exchange_auto_delete=False,
                queue_auto_delete=False,
                callback=callback,
                rabbit_ha_queues=options.rabbit_ha_queues,
                rabbit_queue_ttl=options.rabbit_transient_queues_ttl,
                enable_cancel_on_failover=options.enable_cancel_on_failover,
                rabbit_quorum_queue=options.rabbit_transient_quorum_queue,
                rabbit_quorum_queue_config=_quorum(options),
            )
        )
        return link

    def listen_for_notifications(
        self, targets_and_priorities: Any, pool: Any, batch_size: int, batch_timeout: float | None
    ) -> None:
        raise NotImplementedError(_CALLS_ONLY)

    def cleanup(self) -> None:
        """Release the connections; a broker that does not let go keeps nobody waiting."""
        self._mailbox.close(_CLOSING_SECONDS)
        self._driver.cleanup()


def _quorum(options: Any) -> impl_rabbit.QuorumMemConfig:
    return impl_rabbit.QuorumMemConfig(
        options.rabbit_quorum_delivery_limit,
        options.rabbit_quorum_max_memory_length,
        options.rabbit_quorum_max_memory_bytes,
    )


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
