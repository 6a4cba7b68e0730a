"""The ledger of finished calls: a mutating call that is asked again gets its first answer.

A row is inserted before the work, in the work's transaction, so two runs of one call exclude each other.
"""

import json
from typing import Any

from oslo_db import exception as db_exc
from sqlalchemy import bindparam, delete, select, update

from imagesvc import exception
from imagesvc.registry.db import models
from imagesvc.registry.db.transaction import Transaction

_ops = models.rpc_ops
_BEGIN = _ops.insert()
_FINISH = update(_ops).where(_ops.c.op_id == bindparam("operation")).values(result=bindparam("answer"))
#: Stands before an answer that is encrypted.
_SEALED = "sealed:"


class AlreadyDone(Exception):
    """The call ran before; :func:`stored` has its answer."""


def begin(tx: Transaction, op_id: str, method: str, request_hash: str) -> None:
    """Note the call.

    :raises AlreadyDone: it is there; the transaction is of no further use.
    """
    row = {"op_id": op_id, "method": method, "request_hash": request_hash, "result": None, "created_ms": tx.now_ms}
    try:
        tx.connection.execute(_BEGIN, row)
    except db_exc.DBDuplicateEntry:
        raise AlreadyDone from None


def finish(tx: Transaction, op_id: str, result: Any) -> None:
    """Keep the call's answer; ``result`` is plain JSON."""
    if result is not None:
        tx.connection.execute(_FINISH, {"operation": op_id, "answer": _written(tx, result)})


def stored(tx: Transaction, op_id: str, request_hash: str) -> tuple[bool, Any]:
    """(whether the call ran, its answer).

    :raises OperationMismatch: ``op_id`` was used for another request.
    """
    statement = select(_ops.c.request_hash, _ops.c.result).where(_ops.c.op_id == op_id)
    row = tx.connection.execute(statement).one_or_none()
    if row is None:
        return False, None
    if row.request_hash != request_hash:
        raise exception.OperationMismatch(op_id=op_id)
    return True, None if row.result is None else _read(tx, row.result)


def _written(tx: Transaction, result: Any) -> str:
    text = json.dumps(result, separators=(",", ":"))
    if '"url":' not in text:
        return text
    # A location's, which is encrypted where it belongs: it must not stand here for all to read.
    sealed = tx.urls.sealed(text)
    return text if sealed == text else _SEALED + sealed


def _read(tx: Transaction, text: str) -> Any:
    return json.loads(tx.urls.opened(text.removeprefix(_SEALED)) if text.startswith(_SEALED) else text)


def purge(tx: Transaction, before_ms: int, limit: int) -> int:
    """Forget up to ``limit`` calls older than ``before_ms``; how many."""
    old = select(_ops.c.op_id).where(_ops.c.created_ms < before_ms).order_by(_ops.c.created_ms).limit(limit)
    op_ids = list(tx.connection.execute(old).scalars())
    if op_ids:
        tx.connection.execute(delete(_ops).where(_ops.c.op_id.in_(op_ids)))
    return len(op_ids)
