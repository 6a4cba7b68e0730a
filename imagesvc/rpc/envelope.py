"""What travels beside a call's arguments: the principal, the operation's id and its deadline.

On the wire the context is :meth:`RequestContext.to_bus` with one more key, ``seam``, holding ``op_id`` (text, None for
reads) and ``deadline`` (milliseconds of registry time).  This is the one place that writes and reads it.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from imagesvc import exception
from imagesvc.context import RequestContext

_LONGEST_OP_ID = 36
#: What a version on the wire or in a pin looks like.
VERSION = re.compile(r"[0-9]{1,4}\.[0-9]{1,4}")


def seal_context(context: RequestContext | None, op_id: str | None, deadline: int) -> dict[str, Any]:
    """The wire form of ``context`` for one call; None is nobody."""
    principal = {} if context is None else context.to_bus()
    return {**principal, "seam": {"op_id": op_id, "deadline": deadline}}


def open_context(ctxt: Mapping[str, Any], method: str, arguments: Mapping[str, Any]) -> RequestContext:
    """The inverse of :func:`seal_context`, for a message that passed :func:`check_message`."""
    context = RequestContext.from_bus(ctxt)
    op_id = ctxt["seam"].get("op_id")
    context.op_id = op_id
    context.deadline = ctxt["seam"]["deadline"]
    context.request_hash = None if op_id is None else request_hash(context, method, arguments)
    return context


def request_hash(context: RequestContext, method: str, arguments: Mapping[str, Any]) -> str:
    """What a repeated operation must have in common with the first: SHA-256 of method, arguments and principal."""
    facts = [method, arguments, context.user_id, context.project_id]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def deadline(ctxt: Mapping[str, Any]) -> int:
    """Milliseconds of registry time after which the call must have no effect."""
    value: int = ctxt["seam"]["deadline"]
    return value


def is_change(ctxt: Any) -> bool:
    """Whether a call, which nobody has checked yet, says that it changes something."""
    seam = ctxt.get("seam") if isinstance(ctxt, dict) else None
    return isinstance(seam, dict) and seam.get("op_id") is not None


def check_message(ctxt: Any, message: Any) -> None:
    """Raise BadMessage unless context and message have the shape everything later relies on."""
    if not isinstance(message, dict) or not isinstance(message.get("method"), str):
        raise exception.BadMessage(reason="no method")
    version = message.get("version")
    if not isinstance(version, str) or not VERSION.fullmatch(version):
        raise exception.BadMessage(reason="no version")
    if not isinstance(message.get("args"), dict):
        raise exception.BadMessage(reason="arguments are not named")
    seam = ctxt.get("seam") if isinstance(ctxt, dict) else None
    if not isinstance(seam, dict) or type(seam.get("deadline")) is not int:
        raise exception.BadMessage(reason="no deadline")
    op_id = seam.get("op_id")
    if op_id is not None and not (isinstance(op_id, str) and 0 < len(op_id) <= _LONGEST_OP_ID):
        raise exception.BadMessage(reason="bad op_id")
