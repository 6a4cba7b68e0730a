"""What is inside of messages on rabbit://, in bytes.

A request is what oslo.messaging makes of it.  An answer to who can read it is a line with the name of a key and the signature,
and after it the text that is signed.  Who does not say so in his request gets it wrapped as oslo.messaging wraps it, which
writes the text as a string in a string; that, and signs of life, is what registries of earlier releases send.
"""

import json
from collections.abc import Mapping
from typing import Any

#: What a request says in its seam, under ``answer``, if its sender reads such answers.
PLAIN = "plain"

_CONTEXT = "_context_"
_ENVELOPE_VERSION = "2.0"


def request(ctxt: Mapping[str, Any], message: Mapping[str, Any], msg_id: str, reply_to: str, silence: float) -> bytes:
    """A call.

    :param silence: seconds without a sign of life after which the caller gives up.
    """
    context = {_CONTEXT + key: value for key, value in ctxt.items()}
    ours = {"_msg_id": msg_id, "_unique_id": msg_id, "_reply_q": reply_to, "_timeout": silence}
    return _wrap({**message, **context, **ours})


def open_request(body: bytes) -> tuple[dict[str, Any], dict[str, Any], Any, Any]:
    """Context, message, id and reply queue of a call, as anybody may have written them.

    :raises ValueError: it is none.
    """
    inside = _unwrap(body)
    msg_id, reply_to = inside.pop("_msg_id", None), inside.pop("_reply_q", None)
    inside.pop("_timeout", None)
    inside.pop("_unique_id", None)
    names = [name for name in inside if name.startswith(_CONTEXT)]
    ctxt = {name.removeprefix(_CONTEXT): inside.pop(name) for name in names}
    return ctxt, inside, msg_id, reply_to


def wrapped_answer(msg_id: str, sealed: Mapping[str, str]) -> bytes:
    """An answer for those who do not read plain ones."""
    return _wrap({"result": sealed, "failure": None, "ending": True, "_msg_id": msg_id, "_unique_id": msg_id})


def sign_of_life(msg_id: str, number: int) -> bytes:
    """What is sent while a call takes long.

    :param number: of this one among the call's; earlier releases take nothing twice.
    """
    unique = f"{msg_id}-{number}"
    return _wrap({"result": None, "failure": None, "ending": False, "_msg_id": msg_id, "_unique_id": unique})


def plain_answer(sealed: Mapping[str, str]) -> bytes:
    return f"{sealed['key']} {sealed['mac']}\n{sealed['text']}".encode()


def open_plain_answer(body: bytes) -> dict[str, str]:
    """What :func:`plain_answer` was given, if it was.

    :raises ValueError: it is no such answer.
    """
    head, _, text = body.decode().partition("\n")
    key, _, mac = head.partition(" ")
    return {"key": key, "mac": mac, "text": text}


def open_wrapped_answer(body: bytes) -> tuple[str, Any]:
    """The id of a call and the sealed answer; None for a sign of life, a text that explains what it is if it is neither.

    :raises ValueError: it belongs to no call.
    """
    inside = _unwrap(body)
    msg_id = inside.get("_msg_id")
    if not isinstance(msg_id, str):
        raise ValueError("no id")  # noqa: TRY004 -- of a wrong form like the others
    if inside.get("failure"):
        return msg_id, "an error without a signature"
    if inside.get("result") is None and not inside.get("ending"):
        return msg_id, None
    return msg_id, inside.get("result") or {}


def _wrap(inside: Mapping[str, Any]) -> bytes:
    return json.dumps({"oslo.version": _ENVELOPE_VERSION, "oslo.message": json.dumps(inside)}).encode("ascii")


def _unwrap(body: bytes) -> dict[str, Any]:
    """:raises ValueError: it is not wrapped by oslo.messaging."""
    try:
        inside = json.loads(json.loads(body)["oslo.message"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"no message of oslo.messaging: {type(error).__name__}") from None
    if not isinstance(inside, dict):
        raise ValueError("no message of oslo.messaging")  # noqa: TRY004 -- see above
    return inside
