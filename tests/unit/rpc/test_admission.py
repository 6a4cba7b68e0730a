import json
import queue
import threading
import types

import pytest

from imagesvc import exception
from imagesvc.rpc import admission, keys, seal
from tests.contract.conftest import until

LIMIT = 65_536


class _Inbox:
    """Stands in for the link's end."""

    def start(self, take):
        self.deliver = take

    def stop(self):
        pass

    def cleanup(self):
        pass


class _Message(types.SimpleNamespace):
    """Stands in for a delivery."""

    msg_id = "1"
    reply_to = "reply_1"

    def __init__(self, ring, **args):
        message = {"method": "m", "args": args, "version": "1.0"}
        ctxt = seal.request(ring, {"seam": {"op_id": None, "deadline": 1, "reply_to": "reply_1"}}, message, LIMIT)
        super().__init__(ctxt=ctxt, message=message, answers=[], beats=0, acknowledged=0)

    def reply(self, answer):
        self.answers.append(answer)

    def acknowledge(self):
        self.acknowledged += 1

    def heartbeat(self):
        self.beats += 1

    def text(self, ring):
        return json.loads(seal.check_reply(ring, self.ctxt["seam"]["nonce"], self.answers[0]))


class _Calls:
    """The calls under way; each keeps its thread until it is let go."""

    def __init__(self):
        self._begun = queue.Queue()
        self._free = threading.Event()

    def __call__(self, batch):
        self._begun.put(batch[0])
        self._free.wait(30)

    def next(self, seconds=30):
        return self._begun.get(timeout=seconds)

    def let_go(self):
        self._free.set()


@pytest.fixture
def ring(tmp_path):
    keys.create(tmp_path / "keys")
    return keys.Keyring(str(tmp_path / "keys"))


def _listener(inbox, ring, most=2):
    return admission.SignedListener(inbox, ring, most, LIMIT, LIMIT)


@pytest.fixture
def listening(ring):
    inbox, calls = _Inbox(), _Calls()
    listener = _listener(inbox, ring)
    listener.start(calls)
    yield types.SimpleNamespace(deliver=inbox.deliver, calls=calls, pulse=listener._pulse)
    calls.let_go()
    listener.stop()
    listener.cleanup()


def test_a_signed_call_is_admitted_and_answered_in_kind(ring, listening):
    message = _Message(ring, a=1)
    listening.deliver(message)
    call = listening.calls.next()
    assert (call.message["args"], call.msg_id, call.client_timeout) == ({"a": 1}, "1", None)
    assert message.acknowledged == 1
    call.acknowledge()
    call.heartbeat()
    call.reply({"result": 7})
    assert message.text(ring) == {"reply": {"result": 7}}
    with pytest.raises(NotImplementedError):
        call.requeue()


def test_failures_and_what_cannot_be_sent_become_signed_errors(ring, listening):
    error = exception.ImageNotFound(image_id="i")
    outcomes = [{"failure": (type(error), error, None)}, {"reply": "x" * LIMIT}, {"reply": object()}]
    listening.calls.let_go()
    for outcome, name in zip(outcomes, ["ImageNotFound", "ImageServiceError", "ImageServiceError"], strict=True):
        message = _Message(ring)
        listening.deliver(message)
        listening.calls.next().reply(**outcome)
        assert json.loads(message.text(ring)["failure"])["class"] == name


def test_what_is_not_signed_wants_no_answer_or_came_before_is_dropped(ring, listening, caplog):
    altered, cast, known, diverted, nothing, long, odd = (_Message(ring) for _ in range(7))
    altered.message["args"]["a"] = 2
    cast.msg_id = None
    long.msg_id, odd.msg_id = "x" * 256, "\ud800"  # what would break the connection if it were in an answer
    nothing.ctxt = nothing.message = None
    listening.deliver(known)
    listening.calls.next()
    diverted.reply_to = "reply_2"
    for refused in (altered, cast, known, diverted, nothing, long, odd):
        before = refused.acknowledged
        listening.deliver(refused)
        assert refused.acknowledged == before + 1  # else the broker would send no more in the end
    with pytest.raises(queue.Empty):
        listening.calls.next(0.05)
    assert not altered.answers
    assert caplog.text.count("Refused") == 1  # the others are counted in the next line


def test_what_no_thread_has_begun_is_not_acknowledged(ring, listening):
    messages = [_Message(ring) for _ in range(3)]
    for message in messages:
        listening.deliver(message)
    for _ in range(2):
        listening.calls.next()
    assert [message.acknowledged for message in messages] == [1, 1, 0]
    listening.calls.let_go()
    listening.calls.next()
    assert messages[2].acknowledged == 1


def test_a_callback_that_fails_costs_no_thread(ring, caplog):
    inbox, failed = _Inbox(), []

    def fail(batch):
        failed.append(batch)
        raise RuntimeError("odd")

    listener = _listener(inbox, ring, most=1)
    listener.start(fail)
    for _ in range(3):
        inbox.deliver(_Message(ring))
    listener.cleanup()
    assert len(failed) == 3
    assert "A call came to no end" in caplog.text


def test_an_answer_that_cannot_be_sent_is_told_in_the_log(ring, listening, caplog):
    lost = _Message(ring)
    lost.reply = lambda _answer: 1 / 0
    listening.deliver(lost)
    listening.calls.next().reply({})
    assert "The answer to m could not be sent: division by zero" in caplog.text


def test_a_long_call_gives_signs_of_life_until_it_is_over(ring, listening, monkeypatch):
    monkeypatch.setattr(admission, "_SIGN_OF_LIFE", 0.01)
    message, other = _Message(ring), _Message(ring)
    other.heartbeat = lambda: 1 / 0  # one that cannot be reached keeps nobody from his
    listening.deliver(other)
    listening.deliver(message)
    until(lambda: message.beats > 2)
    listening.calls.let_go()
    fresh = _Message(ring)
    listening.deliver(fresh)
    for _ in range(3):
        listening.calls.next()
    until(lambda: not listening.pulse._busy)
    beats = message.beats
    threading.Event().wait(0.05)
    assert message.beats <= beats + 1  # one may have been on its way


def test_the_end_waits_for_calls_under_way(ring):
    inbox, calls = _Inbox(), _Calls()
    listener = _listener(inbox, ring)
    listener.start(calls)
    inbox.deliver(_Message(ring))
    calls.next()
    ending = threading.Thread(target=listener.cleanup)
    ending.start()
    ending.join(0.05)
    assert ending.is_alive()
    calls.let_go()
    ending.join(30)
    assert not ending.is_alive()


def test_a_nonce_is_forgotten_in_the_end(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(admission.time, "monotonic", lambda: clock[0])
    memory = admission.Memory()
    assert memory.is_new("a")
    assert not memory.is_new("a")
    clock[0] = 119
    assert not memory.is_new("a")
    clock[0] = 121
    assert memory.is_new("a")


def test_an_alarm_counts_what_it_does_not_say(monkeypatch, caplog):
    clock = [100.0]
    monkeypatch.setattr(admission.time, "monotonic", lambda: clock[0])
    alarm = admission.Alarm()
    for _ in range(5):
        alarm.ring("a thing")
    clock[0] += 11
    alarm.ring("a thing")
    assert [record.args for record in caplog.records] == [("a thing", 1), ("a thing", 5)]
