import logging
import socket
import struct
import threading
import types

import amqp
import oslo_messaging as messaging
import pytest
from oslo_messaging._drivers import common, impl_rabbit

from imagesvc.rpc import link as links
from tests.contract.conftest import until


class _Amqp:
    """Stands in for py-amqp's connection: one end of a pair of sockets."""

    def __init__(self, sock):
        self.sock = sock
        self.transport = types.SimpleNamespace(_read_buffer=b"")
        self.frames = []
        self.frame_writer = lambda *_args: None

    def blocking_read(self):
        buffer = self.transport._read_buffer
        end = 8 + int.from_bytes(buffer[3:7], "big")
        self.frames.append(buffer[7 : end - 1])
        self.transport._read_buffer = buffer[end:]


class _Channel:
    def __init__(self, connection):
        self.connection = connection
        self.sent = []

    def send_method(self, method, form, args, content=None):
        self.connection.frame_writer(method)
        self.sent.append((method, args, content))

    def basic_qos(self, *limits):
        self.sent.append(("qos", limits, None))


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    yield ours, theirs
    ours.close()
    theirs.close()


@pytest.fixture
def made(pair, monkeypatch):
    """A link with its end at ``theirs``, without a broker; ``events`` is what it tells."""
    events = []

    def connect(self, _conf, _url, _purpose):
        self.kombu_compression = None
        self.rabbit_qos_prefetch_count = 0
        self._consumers = {}
        self._heartbeat_wait_timeout = 5
        self._heartbeat_check = lambda: events.append("beat")
        self.channel = _Channel(_Amqp(pair[0]))

    def ensure(self, method, recoverable_error_callback):
        try:
            method()
        except OSError as error:
            recoverable_error_callback(error)
            raise messaging.MessageDeliveryFailure("again") from None

    monkeypatch.setattr(impl_rabbit.Connection, "__init__", connect)
    monkeypatch.setattr(impl_rabbit.Connection, "ensure", ensure)
    monkeypatch.setattr(impl_rabbit.Connection, "close", lambda _self: events.append("closed"))
    monkeypatch.setattr(links, "_PAUSE", 0.01)
    link = links.Link(None, None, lambda _channel: events.append("prepared"), lambda: events.append("lost"))
    return types.SimpleNamespace(link=link, channel=link.channel, events=events, theirs=pair[1])


@pytest.fixture
def reading(made):
    """The same, while its thread reads."""
    over = threading.Event()
    thread = threading.Thread(target=made.link.read, args=(over,))
    thread.start()
    assert made.link.channel_within(30) is made.channel
    yield made
    over.set()
    made.theirs.close()
    thread.join(30)
    assert not thread.is_alive()
    assert made.events[-1] == "closed"


def _frame(payload):
    return struct.pack(">BHI", 3, 1, len(payload)) + payload + b"\xce"


def test_frames_are_taken_however_they_come(reading):
    connection = reading.channel.connection
    reading.theirs.sendall(_frame(b"one") + _frame(b"") + _frame(b"x" * 100_000) + _frame(b"four")[:5])
    until(lambda: len(connection.frames) == 3)
    reading.theirs.sendall(_frame(b"four")[5:])
    until(lambda: len(connection.frames) == 4)
    assert [len(frame) for frame in connection.frames] == [3, 0, 100_000, 4]
    assert reading.events[:2] == ["prepared", "beat"]


def test_messages_are_limited_even_where_the_option_says_without_limit(reading):
    assert reading.channel.sent[0] == ("qos", (0, 4, False), None)


def test_a_lost_connection_is_told_and_another_is_made(reading, caplog):
    caplog.set_level(logging.CRITICAL, links.__name__)
    reading.theirs.shutdown(socket.SHUT_RDWR)
    until(lambda: reading.events.count("prepared") > 2)
    assert "lost" in reading.events


def test_only_the_connection_in_use_is_given_up_for_another(reading):
    closed = []
    reading.link._give_up = closed.append
    reading.link.renew("the channel of one that was lost")
    reading.link.renew(reading.channel)
    assert closed == [reading.channel]


def test_there_is_no_channel_until_there_is_a_connection(made):
    with pytest.raises(messaging.MessagingTimeout):
        made.link.channel_within(0.01)


def test_a_message_is_written_and_what_cannot_be_ends_the_connection(reading):
    link, channel = reading.link, reading.channel
    link.publish(channel, "exchange", "key", b"body", mandatory=True, correlation_id="1")
    _, args, message = channel.sent[-1]
    assert args == (0, "exchange", "key", True, False)
    assert (message.body, message.properties) == (b"body", {"delivery_mode": 2, "correlation_id": "1"})
    channel.send_method = lambda *_args: 1 / 0
    with pytest.raises(messaging.MessageDeliveryFailure, match="division"):
        link.publish(channel, "exchange", "key", b"body")
    assert reading.theirs.recv(1) == b""


def test_one_writes_at_a_time_and_nobody_waits_for_good(reading, monkeypatch):
    inside, most, go_on = [0], [0], threading.Event()

    def write(*_args):
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        go_on.wait(30)
        inside[0] -= 1

    link, channel = reading.link, reading.channel
    channel.connection.frame_writer = links._Turns(write, link._writing)
    threads = [threading.Thread(target=link.publish, args=(channel, "", "key", b"")) for _ in range(4)]
    for thread in threads:
        thread.start()
    until(lambda: inside[0])
    with monkeypatch.context() as hasty:
        hasty.setattr(links, "_PATIENCE", 0.01)
        with pytest.raises(messaging.MessagingTimeout, match="others take too long"):
            link.publish(channel, "", "key", b"")
    go_on.set()
    for thread in threads:
        thread.join(30)
    assert most == [1]
    # Nothing was written in part, so the connection goes on.
    reading.theirs.sendall(_frame(b"one"))
    until(lambda: channel.connection.frames)


def test_only_what_came_by_this_connection_is_acknowledged(reading):
    message = amqp.Message(b"")
    message.channel, message.delivery_info = reading.channel, {"delivery_tag": 7}
    reading.link.acknowledge(message)
    assert reading.channel.sent[-1][1] == (7, False)
    before = len(reading.channel.sent)
    message.channel = _Channel(reading.channel.connection)
    reading.link.acknowledge(message)
    assert message.channel.sent == []
    assert len(reading.channel.sent) == before


def test_what_cannot_be_acknowledged_ends_the_connection(reading):
    message = amqp.Message(b"")
    message.channel, message.delivery_info = reading.channel, {"delivery_tag": 7}

    def fail(*_args):
        raise links._Busy

    reading.channel.connection.frame_writer = fail
    reading.link.acknowledge(message)
    assert reading.theirs.recv(1) == b""


def test_the_consumers_are_cancelled_once_and_the_broker_answers_each_time(reading):
    reading.link._consumers = {"consumer": 3}
    reading.link.take_no_more()
    reading.link.take_no_more()
    assert [args for _, args, _ in reading.channel.sent[-2:]] == [("3", False), ("0", False)]


def test_connecting_ends_when_it_is_over(made, monkeypatch):
    over, ended = threading.Event(), []

    def ensure(_self, _method, recoverable_error_callback):
        recoverable_error_callback(OSError("nobody listens"))
        over.set()
        try:
            recoverable_error_callback(OSError("nobody listens"))
        except common.Timeout:
            ended.append("told")
            raise

    monkeypatch.setattr(impl_rabbit.Connection, "ensure", ensure)
    made.link.read(over)
    assert ended == ["told"]
    assert made.events[-1] == "closed"


def test_a_message_that_cannot_be_taken_ends_nothing(caplog):
    consumer = links.Consumer.__new__(links.Consumer)
    consumer.callback = lambda _message: 1 / 0
    consumer._callback(amqp.Message(b""))
    assert "could not be taken" in caplog.text


def test_a_queue_that_goes_while_it_is_declared_means_another_connection(monkeypatch):
    """The broker closes the channel then, and what is agreed upon for it would have to be said again."""

    def consume(**_how):
        raise amqp.NotFound("NOT_FOUND - no queue")

    consumer = links.Consumer.__new__(links.Consumer)
    consumer.nowait = False
    declared = []
    monkeypatch.setattr(links.Consumer, "declare", lambda _self, conn: declared.append(conn))
    consumer.queue = types.SimpleNamespace(consume=consume)
    with pytest.raises(amqp.RecoverableConnectionError, match="NOT_FOUND - no queue"):
        consumer.consume("link", 1)
    assert declared == ["link"]


@pytest.mark.parametrize("sent", [b"body", "body"])
def test_a_body_is_bytes(sent):
    assert links.body_of(amqp.Message(sent)) == b"body"


def test_a_compressed_message_is_read(reading):
    reading.link.kombu_compression = "gzip"
    reading.link.publish(reading.channel, "", "key", b"body")
    message = reading.channel.sent[-1][2]
    assert message.body != b"body"
    assert links.body_of(message) == b"body"


def test_a_timeout_of_the_library_is_the_end_only_when_it_is_over(made, monkeypatch, caplog):
    tries = []

    def ensure(_self, _method, recoverable_error_callback):
        tries.append(1)
        raise common.Timeout

    monkeypatch.setattr(impl_rabbit.Connection, "ensure", ensure)
    over = threading.Event()
    thread = threading.Thread(target=made.link.read, args=(over,))
    thread.start()
    until(lambda: len(tries) > 2)
    over.set()
    thread.join(30)
    assert "The broker is of no use: Timeout" in caplog.text
