import threading
import time
import types

import amqp
import oslo_messaging as messaging
import pytest

from imagesvc.rpc import letters, mailbox
from tests.contract.conftest import until

SEALED = {"text": "{}", "key": "k", "mac": "m"}


class _Link:
    """Stands in for the broker: hands what is published to ``on_publish``."""

    def __init__(self, lost, returned, arrived):
        self.lost, self.returned, self.arrived = lost, returned, arrived
        self.on_publish = lambda _letter: None
        self.ended = False
        self.renewed = []

    def renew(self, channel):
        self.renewed.append(channel)

    def channel_within(self, seconds):
        return "channel"

    def publish(self, channel, exchange, key, body, mandatory, **properties):
        assert (channel, exchange, key, mandatory) == ("channel", "glance", "topic", True)
        self.on_publish(types.SimpleNamespace(body=body, properties=properties))

    def read(self, over):
        assert over.wait(30)
        self.ended = True

    def take_no_more(self):
        pass

    def answer(self, msg_id):
        self.arrived(amqp.Message(letters.plain_answer(SEALED), correlation_id=msg_id))


@pytest.fixture
def opened():
    """A mailbox and its link."""
    links = []

    def connect(*callbacks):
        links.append(_Link(*callbacks))
        return links[0]

    box = mailbox.Mailbox(connect)
    box._first_link(30)
    yield box, links[0]
    box.close(30)
    assert links[0].ended


def _call(box, msg_id="1", seconds=30.0):
    return box.call(msg_id, "glance", "topic", b"body", seconds)


def test_an_answer_comes_to_who_waits_for_it(opened):
    box, link = opened
    link.on_publish = lambda letter: [
        link.answer("2"),
        link.answer(letter.properties["correlation_id"]),
        link.answer("1"),
    ]
    assert _call(box) == SEALED
    assert not box._calls


def test_a_message_says_how_long_it_is_of_use(opened):
    box, link = opened
    seen = []
    link.on_publish = lambda letter: [seen.append(letter), link.answer("1")]
    _call(box, seconds=2.5)
    assert (seen[0].body, seen[0].properties["expiration"]) == (b"body", "2500")


def test_silence_is_ended_by_a_new_connection_and_not_by_one_after_the_other(opened):
    box, link = opened
    for msg_id in "123":
        with pytest.raises(messaging.MessagingTimeout):
            _call(box, msg_id, seconds=0.01)
    assert link.renewed == ["channel"]
    box._renewed -= mailbox._RENEWAL
    with pytest.raises(messaging.MessagingTimeout):
        _call(box, seconds=0.01)
    assert link.renewed == ["channel"] * 2


@pytest.mark.parametrize(
    "come",
    [
        lambda link: link.answer("another"),
        lambda link: link.returned(None, "glance", "topic", amqp.Message(b"", correlation_id="another")),
    ],
)
def test_a_call_alone_without_an_answer_is_no_silence(opened, come):
    box, link = opened
    link.on_publish = lambda _letter: come(link)
    with pytest.raises(messaging.MessagingTimeout):
        _call(box, seconds=0.01)
    assert link.renewed == []


def test_an_answer_of_an_earlier_release_is_read(opened):
    box, link = opened
    link.on_publish = lambda _letter: link.arrived(amqp.Message(letters.wrapped_answer("1", SEALED)))
    assert _call(box) == SEALED


def test_nobody_there_is_told_at_once(opened):
    box, link = opened
    link.on_publish = lambda _letter: link.returned(
        OSError("no route"), "glance", "topic", amqp.Message(b"", correlation_id="1")
    )
    with pytest.raises(messaging.MessageUndeliverable):
        _call(box)


def test_a_lost_connection_is_told_at_once(opened):
    box, link = opened
    link.on_publish = lambda _letter: link.lost()
    with pytest.raises(messaging.MessageDeliveryFailure):
        _call(box)
    assert not box._calls


def test_silence_ends_a_call_and_signs_of_life_prolong_it(opened, monkeypatch):
    monkeypatch.setattr(mailbox, "SILENCE", 0.2)
    box, link = opened
    began = time.monotonic()
    with pytest.raises(messaging.MessagingTimeout):
        _call(box)
    assert 0.2 <= time.monotonic() - began < 20
    outcome = []
    caller = threading.Thread(target=lambda: outcome.append(_call(box)))
    monkeypatch.setattr(mailbox, "SILENCE", 20)
    caller.start()
    until(lambda: box._calls)
    [call] = box._calls.values()
    before = call.heard
    until(lambda: link.arrived(amqp.Message(letters.sign_of_life("1", 1))) or call.heard > before)
    link.answer("1")
    caller.join(30)
    assert outcome == [SEALED]


def test_nobody_waits_beyond_his_time(opened):
    box, _ = opened
    with pytest.raises(messaging.MessagingTimeout):
        _call(box, seconds=0.01)
    assert not box._calls


@pytest.mark.parametrize("body", [b"", b"\xff", b"[]", letters.sign_of_life("nobody", 1)])
@pytest.mark.parametrize("properties", [{}, {"correlation_id": "nobody"}])
def test_what_is_no_answer_is_dropped(opened, body, properties):
    _, link = opened
    link.arrived(amqp.Message(body, **properties))


def test_a_broker_that_refuses_is_asked_again(monkeypatch, caplog):
    monkeypatch.setattr(mailbox, "_PAUSE", 0.01)
    tries = []

    def connect(*callbacks):
        tries.append(callbacks)
        if len(tries) < 3:
            raise messaging.MessageDeliveryFailure("ACCESS_REFUSED")
        return _Link(*callbacks)

    box = mailbox.Mailbox(connect)
    assert box._first_link(30)
    assert caplog.text.count("refuses what glance-api needs") == 2
    box.close(30)


def test_a_broker_that_is_away_keeps_nobody_beyond_his_time():
    there = threading.Event()
    box = mailbox.Mailbox(lambda *callbacks: there.wait(30) and _Link(*callbacks))
    with pytest.raises(messaging.MessagingTimeout):
        _call(box, seconds=0.01)
    box.close(0.01)
    there.set()
    box._reader.join(30)
    assert not box._reader.is_alive()
