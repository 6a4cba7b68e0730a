import json
import threading
import types

import amqp
import pytest

from imagesvc.rpc import inbox, letters

SEALED = {"text": "{}", "key": "k", "mac": "m"}


class _Link:
    def __init__(self):
        self.acknowledged = []
        self.taken_no_more = 0

    def acknowledge(self, message):
        self.acknowledged.append(message)

    def take_no_more(self):
        self.taken_no_more += 1

    def read(self, over):
        assert over.wait(30)


class _Postage:
    begin = forget = staticmethod(lambda *_channel: None)

    def __init__(self):
        self.sent = []

    def send(self, _link, queue, body, **how):
        self.sent.append((queue, body, how))


def _delivery(**seam):
    link, post = _Link(), _Postage()
    body = letters.request({"seam": seam}, {"method": "m", "args": {}}, "id", "reply_1", 2)
    return inbox.Delivery(link, post, amqp.Message(body)), link, post


def test_who_reads_plain_answers_gets_one():
    delivery, _, post = _delivery(answer="plain")
    delivery.reply(SEALED)
    assert post.sent == [("reply_1", letters.plain_answer(SEALED), {"correlation_id": "id"})]


@pytest.mark.parametrize("seam", [{}, {"answer": "newer"}, {"answer": []}])
def test_all_others_get_it_wrapped(seam):
    delivery, _, post = _delivery(**seam)
    delivery.reply(SEALED)
    [(queue, body, how)] = post.sent
    assert (queue, letters.open_wrapped_answer(body), how["content_type"]) == (
        "reply_1",
        ("id", SEALED),
        "application/json",
    )


def test_signs_of_life_differ_and_wait_for_nothing():
    delivery, _, post = _delivery(answer="plain")
    delivery.heartbeat()
    delivery.heartbeat()
    [first, second] = post.sent
    assert first[1] != second[1]
    assert first[2]["urgent"]
    assert json.loads(json.loads(first[1])["oslo.message"])["ending"] is False


@pytest.mark.parametrize(
    "message", [amqp.Message(b"\xff{"), amqp.Message(b"x", application_headers={"compression": "nothing known"})]
)
def test_what_is_no_call_is_delivered_as_nothing(message):
    delivery = inbox.Delivery(_Link(), _Postage(), message)
    assert (delivery.ctxt, delivery.message, delivery.msg_id, delivery.reply_to) == (None,) * 4


def test_messages_are_taken_until_it_is_told_and_the_reader_ends():
    made, taken = [], []

    def connect(begin, forget, arrived):
        made.append(types.SimpleNamespace(link=_Link(), arrived=arrived))
        return made[0].link

    box = inbox.Inbox(connect, _Postage())
    box.start(taken.append)
    made[0].arrived(amqp.Message(b""))
    assert len(taken) == 1
    box.stop()
    assert made[0].link.taken_no_more == 1
    box.cleanup()
    assert not [thread for thread in threading.enumerate() if thread.name == "rpc-reader"]
