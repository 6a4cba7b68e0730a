import json

import pytest
from oslo_messaging._drivers import amqp, common

from imagesvc.rpc import letters

SEALED = {"text": '{"reply":"\\u00e9 é\\n"}', "key": "k1", "mac": "ab"}


def test_a_request_is_what_oslo_messaging_reads_and_what_is_read_here():
    ctxt = {"user_id": "u", "seam": {"op_id": None}}
    message = {"method": "m", "args": {"a": "é"}, "version": "1.0"}
    body = letters.request(ctxt, message, "id", "reply_1", 2)
    theirs = common.deserialize_msg(json.loads(body))
    context = amqp.unpack_context(theirs)
    assert (context.msg_id, context.reply_q, context.client_timeout) == ("id", "reply_1", 2)
    assert (context.user_id, context.seam) == ("u", {"op_id": None})
    assert theirs == {**message, "_unique_id": "id"}
    assert letters.open_request(body) == (ctxt, message, "id", "reply_1")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff{",
        b"[]",
        b"7",
        b'{"oslo.message": 7}',
        b'{"oslo.message": "["}',
        b'{"oslo.message": "[]"}',
        b"[" * 99_999,
    ],
)
def test_what_is_no_call_is_told_so(body):
    with pytest.raises(ValueError, match=r"oslo\.messaging"):
        letters.open_request(body)
    with pytest.raises(ValueError, match=r"oslo\.messaging"):
        letters.open_wrapped_answer(body)


def test_a_plain_answer_survives():
    assert letters.open_plain_answer(letters.plain_answer(SEALED)) == SEALED


@pytest.mark.parametrize("body", [b"", b"\n", b"k", b"k m", b" \n \n"])
def test_what_is_no_plain_answer_is_no_signed_one(body):
    assert set(letters.open_plain_answer(body)) == {"key", "mac", "text"}


def test_what_is_no_text_is_no_plain_answer():
    with pytest.raises(ValueError, match="utf-8"):
        letters.open_plain_answer(b"k m\n\xff")


def test_wrapped_answers_and_signs_of_life_are_told_apart():
    assert letters.open_wrapped_answer(letters.wrapped_answer("id", SEALED)) == ("id", SEALED)
    assert letters.open_wrapped_answer(letters.sign_of_life("id", 1)) == ("id", None)
    assert letters.sign_of_life("id", 1) != letters.sign_of_life("id", 2)  # oslo.messaging drops what it knows
    failure = {"failure": "f", "result": None, "ending": True, "_msg_id": "id"}
    body = json.dumps({"oslo.version": "2.0", "oslo.message": json.dumps(failure)}).encode()
    assert letters.open_wrapped_answer(body) == ("id", "an error without a signature")
    with pytest.raises(ValueError, match="no id"):
        letters.open_wrapped_answer(body.replace(b"_msg_id", b"_nobody"))
