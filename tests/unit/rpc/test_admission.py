import json
import threading
import types

import pytest

from imagesvc import exception
from imagesvc.rpc import admission, keys, seal
from imagesvc.rpc.lanes import Lanes
from tests.contract.conftest import until

LIMIT = 65_536


class _Listener:
    """Stands in for the driver's."""

    def start(self, callback):
        self.deliver = lambda *batch: callback(list(batch))

    def stop(self):
        pass

    def cleanup(self):
        pass


class _Message(types.SimpleNamespace):
    """Stands in for the driver's."""

    msg_id = "1"
    reply_q = "reply_1"

    def __init__(self, ring, **args):
        message = {"method": "m", "args": args, "version": "1.0"}
        ctxt = seal.request(ring, {"seam": {"op_id": None, "deadline": 1, "reply_to": "reply_1"}}, message, LIMIT)
        super().__init__(ctxt=ctxt, message=message, answers=[], beats=0)

    def reply(self, answer):
        self.answers.append(answer)

    def acknowledge(self):
        pass

    def heartbeat(self):
        self.beats += 1

    def text(self, ring):
        return json.loads(seal.check_reply(ring, self.ctxt["seam"]["nonce"], self.answers[0]))


@pytest.fixture
def ring(tmp_path):
    keys.create(tmp_path / "keys")
    return keys.Keyring(str(tmp_path / "keys"))


def _listener(inner, ring, most=2):
    return admission.SignedListener(inner, ring, Lanes(4), most, LIMIT, LIMIT)


@pytest.fixture
def listening(ring):
    inner = _Listener()
    outer = _listener(inner, ring)
    calls = []
    outer.start(calls.extend)
    yield types.SimpleNamespace(deliver=inner.deliver, calls=calls)
    outer.stop()
    outer.cleanup()


def test_a_signed_call_is_admitted_and_answered_in_kind(ring, listening):
    message = _Message(ring, a=1)
    listening.deliver(message)
    [call] = listening.calls
    assert (call.message["args"], call.msg_id, call.client_timeout) == ({"a": 1}, "1", None)
    call.acknowledge()
    call.heartbeat()
    call.reply({"result": 7})
    assert message.text(ring) == {"reply": {"result": 7}}
    with pytest.raises(NotImplementedError):
        call.requeue()


def test_failures_and_what_cannot_be_sent_become_signed_errors(ring, listening):
    error = exception.ImageNotFound(image_id="i")
    outcomes = [{"failure": (type(error), error, None)}, {"reply": "x" * LIMIT}, {"reply": object()}]
    for outcome, name in zip(outcomes, ["ImageNotFound", "ImageServiceError", "ImageServiceError"], strict=True):
        message = _Message(ring)
        listening.deliver(message)
        listening.calls.pop().reply(**outcome)
        assert json.loads(message.text(ring)["failure"])["class"] == name


def test_what_is_not_signed_wants_no_answer_or_came_before_is_dropped(ring, listening, caplog):
    altered, cast, known, diverted = (_Message(ring) for _ in range(4))
    altered.message["args"]["a"] = 2
    cast.msg_id = None
    listening.deliver(known)
    diverted.reply_q = "reply_2"
    listening.deliver(altered, cast, known, diverted)
    assert len(listening.calls) == 1
    assert not altered.answers
    assert caplog.text.count("Refused") == 1  # the others are counted in the next line


def test_a_call_waits_for_one_of_those_before_to_end(ring, listening):
    for _ in range(2):
        listening.deliver(_Message(ring))
    third = threading.Thread(target=listening.deliver, args=(_Message(ring),))
    third.start()
    third.join(0.05)
    assert third.is_alive()
    listening.calls[0].reply({})
    third.join(10)
    assert len(listening.calls) == 3


def test_a_callback_that_fails_costs_no_place(ring):
    inner = _Listener()
    outer = _listener(inner, ring, most=1)

    def fail(_batch):
        raise RuntimeError("odd")

    outer.start(fail)
    for _ in range(3):
        with pytest.raises(RuntimeError):
            inner.deliver(_Message(ring))


def test_an_answer_that_cannot_be_sent_costs_no_place(ring, caplog):
    inner, calls = _Listener(), []
    _listener(inner, ring, most=1).start(calls.extend)
    lost, other = _Message(ring), _Message(ring)
    lost.reply = lambda _answer: 1 / 0
    inner.deliver(lost)
    calls.pop().reply({})
    assert "The answer to m could not be sent: division by zero" in caplog.text
    inner.deliver(other)
    calls.pop().reply({"result": 7})
    assert other.text(ring) == {"reply": {"result": 7}}


def test_a_caller_who_gets_no_sign_of_life_keeps_nobody_from_his(ring, listening, monkeypatch):
    monkeypatch.setattr(admission, "_SIGN_OF_LIFE", 0.01)
    taken, waiting = threading.Event(), []
    blocked, other = _Message(ring), _Message(ring)
    blocked.heartbeat = lambda: waiting.append(taken.wait(30))
    listening.deliver(blocked, other)
    until(lambda: other.beats > 5)
    assert not waiting
    taken.set()
    until(lambda: len(waiting) > 1)  # one after the other


def test_a_long_call_gives_signs_of_life_until_it_is_answered(ring, listening, monkeypatch):
    monkeypatch.setattr(admission, "_SIGN_OF_LIFE", 0.01)
    message, other = _Message(ring), _Message(ring)
    other.heartbeat = lambda: 1 / 0  # one that cannot be reached keeps nobody from his
    listening.deliver(other, message)
    until(lambda: message.beats > 2)
    for call in listening.calls:
        call.reply({})
    beats = message.beats
    fresh = _Message(ring)
    listening.deliver(fresh)
    until(lambda: fresh.beats > 2)
    assert message.beats <= beats + 1  # one may have been on its way


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
