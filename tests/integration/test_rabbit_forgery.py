"""Somebody on the bus without a key: nothing of his has an effect, is believed, or costs anything lasting."""

import copy
import json
import logging
import shutil
import threading
import time

import pytest

from imagesvc import exception
from imagesvc.rpc import keys, seal
from tests.contract.conftest import until
from tests.fixtures.rabbit_seam import Load, answers, assert_once_each
from tests.fixtures.rpc import make_context

pytest_plugins = ["tests.fixtures.rabbit_seam"]

MIB = 1024 * 1024


@pytest.fixture
def captured(registries, wire):
    """A message that had its effect, as it was on the wire."""
    registries.start()
    caller = registries.caller()
    assert caller.read(make_context(), "echo", "1.0", value=1)
    wire.spy()
    assert caller.mutate(make_context(), "apply", "1.0", value="true") == {"value": "true"}
    message = wire.receive()
    assert (message["method"], message["args"]) == ("apply", {"value": "true"})
    return message


def _with(message, *path, value):
    changed = copy.deepcopy(message)
    place = changed
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return changed


def _settled(registries):
    """Whatever was published before has been dealt with: the one registry takes messages in order."""
    assert registries.caller().read(make_context(), "echo", "1.0", value="settled")


def test_the_bus_sees_no_token(captured):
    assert "token" not in json.dumps(captured)


#: Places in a message, and what is put there.
_ALTERATIONS = [
    (("args", "value"), "forged"),
    (("method",), "pad"),
    (("version",), "1.1"),
    (("namespace",), "n"),
    (("_context_roles",), ["admin"]),
    (("_context_project_id",), "project-2"),
    (("_context_is_admin",), True),
    (("_context_seam", "op_id"), "00000000-0000-0000-0000-000000000000"),
    (("_context_seam", "deadline"), 9_999_999_999_999),
    (("_context_seam", "nonce"), "0" * 32),
    (("_context_seam", "mac"), "0" * 64),
    (("_context_seam", "mac"), None),
    (("_context_seam", "mac"), "é\ud800"),
    (("_context_seam", "key"), "other"),
    (("_context_seam", "key"), {}),
    (("_context_seam",), {"op_id": None, "deadline": 9_999_999_999_999}),
    (("_context_seam",), None),
    (("args",), None),
]


def test_an_altered_message_has_no_effect_and_no_answer(registries, wire, captured):
    for number, (path, value) in enumerate(_ALTERATIONS):
        forged = _with(captured, *path, value=value)
        wire.publish({**forged, "_reply_q": wire.reply_queue, "_msg_id": f"mine {number}"})
        assert wire.receive()["_msg_id"] == f"mine {number}"  # the spy's own copy
        _settled(registries)
        # An answer would have come before this.
        assert wire.receive()["args"] == {"value": "settled"}, (path, value)
        assert registries.effects == ["true"], (path, value)
    assert "Refused a message" in registries.log


def test_a_repeated_message_has_no_effect_and_no_answer(registries, wire, captured):
    for _ in range(20):
        wire.publish(captured)
        assert wire.receive()["method"] == "apply"
    _settled(registries)
    assert wire.receive()["method"] == "echo"
    assert wire.receive(0.1) is None
    assert registries.effects == ["true"]
    assert "Refused a message that came before" in registries.log


def test_a_message_repeated_to_another_registry_has_no_second_effect(registries, wire, captured):
    registries.start()
    for _ in range(6):
        wire.publish(captured)
    for _ in range(2):
        _settled(registries)
    assert registries.effects == ["true"]


def test_a_question_repeated_to_another_registry_is_not_answered_to_who_repeats_it(registries, wire):
    """The second registry has never seen it, so only the signed address of the answer is in the way."""
    registries.start()
    caller = registries.caller()
    assert answers(caller)
    wire.spy()
    assert caller.read(make_context(), "echo", "1.0", value="secret")
    question = wire.receive()
    registries.start()
    for _ in range(4):
        wire.publish({**question, "_reply_q": wire.reply_queue})
        assert wire.receive()["args"] == {"value": "secret"}  # the spy's own copy
    for _ in range(2):
        _settled(registries)
        assert wire.receive()["args"] == {"value": "settled"}
    assert wire.receive(0.1) is None
    until(lambda: "wants its answer elsewhere" in registries.log)


def test_a_stale_message_has_no_effect(registries, wire, captured):
    """One that was kept from the registry until its time was over, as only the owner of a key could have written it."""
    ring = keys.Keyring(str(registries.state / "keys"))
    ctxt = {"seam": {"op_id": "late", "deadline": time.time_ns() // 1_000_000 - 1, "reply_to": wire.reply_queue}}
    request = {"method": "apply", "args": {"value": "late"}, "version": "1.0"}
    sealed = seal.request(ring, ctxt, request, MIB)
    wire.publish({**request, "_context_seam": sealed["seam"], "_msg_id": "mine", "_reply_q": wire.reply_queue})
    assert wire.receive()["_msg_id"] == "mine"  # the spy's own copy
    answer = json.loads(seal.check_reply(ring, sealed["seam"]["nonce"], wire.receive()["result"]))
    assert json.loads(answer["failure"])["class"] == "Expired"
    assert registries.effects == ["true"]


def test_a_message_signed_with_another_key_is_refused(registries, tmp_path):
    registries.start()
    other = tmp_path / "other"
    keys.create(other)
    configuration = tmp_path / "callers" / "bus.conf"
    configuration.write_text(configuration.read_text().replace(str(tmp_path / "keys"), str(other)))
    stranger = registries.caller(try_timeout=1, metadata_deadline=1)
    with pytest.raises(exception.RegistryUnavailable):
        stranger.mutate(make_context(), "apply", "1.0", value="forged")
    assert registries.effects == []
    until(lambda: "is signing_key_file the same everywhere?" in registries.log)


@pytest.mark.parametrize("kind", ["plain", "error", "of another request", "without a key"])
def test_a_forged_answer_is_not_believed(registries, wire, tmp_path, caplog, kind):
    wire.serve()
    caller = registries.caller(try_timeout=1, metadata_deadline=1)
    outcome = []

    def call():
        try:
            outcome.append(caller.read(make_context(), "echo", "1.0", value=1))
        except exception.ImageServiceError as error:
            outcome.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    true = keys.Keyring(str(tmp_path / "keys"))
    keys.create(tmp_path / "other")
    text = json.dumps({"reply": {"result": "forged", "now": 1}})
    while thread.is_alive():
        request = wire.receive(0.2)
        if request is None:
            continue
        match kind:
            case "plain":
                wire.answer(request, {"result": "forged", "now": 1})
            case "error":
                failure = {
                    "class": "Forbidden",
                    "module": "imagesvc.exception",
                    "message": "forged",
                    "tb": [],
                    "args": [],
                    "kwargs": {},
                }
                wire.answer(request, failure=json.dumps(failure))
            case "of another request":
                wire.answer(request, seal.reply(true, "0" * 32, text))
            case _:
                nonce = request["_context_seam"]["nonce"]
                wire.answer(request, seal.reply(keys.Keyring(str(tmp_path / "other")), nonce, text))
    assert isinstance(outcome[0], exception.RegistryUnavailable)
    assert "Refused" in caplog.text


def test_keys_are_replaced_under_load_and_nothing_is_lost(registries, tmp_path, caplog):
    caplog.set_level(logging.INFO, "imagesvc.rpc.keys")
    registries.start()
    path = tmp_path / "keys"
    before = path.read_text()
    load = Load(registries.caller())
    load.grows()
    for number, step in enumerate([keys.add, keys.activate, keys.retire], 1):
        step(path)
        until(lambda number=number: registries.log.count("accepted:") == caplog.text.count("accepted:") == number)
        load.grows()
    load.stop()
    assert load.failed == []
    assert_once_each(registries, load)
    assert not set(before.splitlines()[1:]) & set(path.read_text().splitlines())


def test_a_key_file_gone_bad_changes_nothing(registries, tmp_path):
    registries.start()
    caller = registries.caller()
    path = tmp_path / "keys"
    shutil.copy2(path, tmp_path / "good")
    path.write_text("garbage\n")
    until(lambda: answers(caller) and "The signing keys stay as they were" in registries.log)
    assert answers(caller)
    (tmp_path / "good").rename(path)
    until(lambda: answers(caller) and "accepted:" in registries.log)
    assert answers(caller)


def send_unwelcome_messages(registries, wire, captured, count):
    """``count`` of each kind, and those that cost most once more; nothing may stay of any."""
    caller = registries.caller()
    ring = keys.Keyring(str(registries.state / "keys"))
    before = caller.read(make_context(), "health", "1.0")
    for number in range(count):
        wire.publish({**captured, "method": f"unknown-{number}", "_timeout": 2})
        wire.publish(b"\xff{" if number % 2 else b'{"oslo.version": "2.0", "oslo.message": "["}')
        request = {"method": f"unknown-{number}", "args": {}, "version": "1.0"}
        seam_ = {"op_id": None, "deadline": time.time_ns() // 1_000_000 + 60_000, "reply_to": wire.reply_queue}
        sealed = seal.request(ring, {"seam": seam_}, request, MIB)
        wire.publish(
            {
                **request,
                "_context_seam": sealed["seam"],
                "_msg_id": str(number),
                "_reply_q": wire.reply_queue,
                "_timeout": 2,
            }
        )
    wire.publish({**captured, "args": {"value": "x" * 4 * MIB}})
    until(lambda: answers(caller), 120)
    after = caller.read(make_context(), "health", "1.0")
    # Its threads and connections are made as they are needed, up to these.
    assert after["threads"] <= before["threads"] + 2 * 64
    assert after["resident"] < before["resident"] + 64 * MIB
    for number in range(count):
        wire.publish({**captured, "method": f"unknown-{number}", "_timeout": 2})
    until(lambda: answers(caller), 120)
    last = caller.read(make_context(), "health", "1.0")
    assert last["threads"] <= after["threads"] + 2
    assert last["files"] <= after["files"] + 2
    assert registries.effects == ["true"]


def test_thousands_of_unwelcome_messages_leave_nothing_behind(registries, wire, captured):
    send_unwelcome_messages(registries, wire, captured, 700)


def test_requests_and_answers_too_large_are_refused(registries):
    registries.start()
    caller = registries.caller()
    with pytest.raises(exception.RequestTooLarge):
        caller.read(make_context(), "echo", "1.0", value="x" * 2 * MIB)
    with pytest.raises(exception.ImageServiceError, match="larger than the limit"):
        caller.read(make_context(), "pad", "1.0", size=9 * MIB)
    assert caller.read(make_context(), "pad", "1.0", size=7 * MIB) == "x" * 7 * MIB
    assert caller.read(make_context(), "echo", "1.0", value="x" * 900_000)["value"] == "x" * 900_000
