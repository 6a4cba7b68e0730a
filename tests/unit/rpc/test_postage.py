import collections
import threading
import types

import oslo_messaging as messaging
import pytest

from imagesvc.rpc import postage
from tests.contract.conftest import until


class _Channel:
    """Stands in for py-amqp's."""

    def __init__(self):
        self.events = collections.defaultdict(set)
        self.confirms = False

    def confirm_select(self):
        self.confirms = True


class _Link:
    def __init__(self):
        self.channel = _Channel()
        self.waits = []
        self.published = []

    def channel_within(self, seconds):
        self.waits.append(seconds)
        return self.channel

    def publish(self, channel, exchange, key, body, **properties):
        assert (channel, exchange) == (self.channel, "")
        self.published.append((key, body, properties))

    def confirm(self, number, multiple=False):
        for told in self.channel.events["basic_ack"]:
            told(number, multiple)


@pytest.fixture
def sending():
    """A link, and a postage that sends by it."""
    link, post = _Link(), postage.Postage(0.01)
    post.begin(link.channel)
    assert link.channel.confirms
    return types.SimpleNamespace(link=link, post=post, send=lambda queue, **how: post.send(link, queue, b"body", **how))


def test_an_answer_goes_to_its_queue(sending):
    sending.send("reply_1", correlation_id="1")
    assert sending.link.published == [("reply_1", b"body", {"correlation_id": "1"})]


def test_a_queue_that_takes_nothing_gets_no_more_and_others_get_theirs(sending):
    for _ in range(postage._MOST):
        sending.send("stuck")
    for urgent in (False, True):
        with pytest.raises(messaging.MessageDeliveryFailure, match="queue stuck takes no answers"):
            sending.send("stuck", urgent=urgent)
    sending.send("other")
    assert len(sending.link.published) == postage._MOST + 1
    assert sending.link.waits[-2:] == [0, 0.01]


def test_what_is_confirmed_makes_room(sending):
    for _ in range(postage._MOST):
        sending.send("busy")
    sending.link.confirm(1)
    sending.send("busy")
    sending.link.confirm(10, multiple=True)
    for _ in range(9):
        sending.send("busy")
    with pytest.raises(messaging.MessageDeliveryFailure):
        sending.send("busy")
    sending.link.confirm(10_000, multiple=True)
    assert not sending.post._sent
    assert not sending.post._counts


def test_who_waits_for_room_gets_it_when_it_comes(sending):
    sending.post._seconds = 30
    for _ in range(postage._MOST):
        sending.send("busy")
    thread = threading.Thread(target=sending.send, args=["busy"])
    thread.start()
    until(lambda: len(sending.link.waits) > postage._MOST)
    sending.link.confirm(3)
    thread.join(30)
    assert len(sending.link.published) == postage._MOST + 1


def test_nothing_is_sent_by_a_connection_that_is_lost_and_numbers_begin_anew(sending):
    sending.send("queue")
    sending.post.forget()
    with pytest.raises(messaging.MessageDeliveryFailure):
        sending.send("queue")
    sending.link.channel = _Channel()
    with pytest.raises(messaging.MessageDeliveryFailure):
        sending.send("queue")
    sending.post.begin(sending.link.channel)
    sending.send("queue")
    assert sending.post._sent == {1: "queue"}
