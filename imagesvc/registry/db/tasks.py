"""Rows of long work: who asked for what, how far it is, what came of it.

A task is ``pending``, then ``processing``, then ``success`` or ``failure``; each step is a compare-and-set.  One that has ended is
kept until ``expires_at`` and is gone after that, whether or not its row has been marked deleted yet.
"""

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any, Final

from oslo_db import exception as db_exc
from sqlalchemy import Row, Select, and_, false, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from imagesvc import exception
from imagesvc.registry.db import models
from imagesvc.registry.db.transaction import Transaction, to_text

Primitive = dict[str, Any]

IMPORT: Final = "import"
API_IMAGE_IMPORT: Final = "api_image_import"
LOCATION_IMPORT: Final = "location_import"

PENDING: Final = "pending"
PROCESSING: Final = "processing"
SUCCESS: Final = "success"
FAILURE: Final = "failure"

#: Which status may follow which.
_BEFORE: Mapping[str, tuple[str, ...]] = {
    PROCESSING: (PENDING,),
    SUCCESS: (PROCESSING,),
    FAILURE: (PENDING, PROCESSING),
}

#: What the columns of text hold on MySQL.
MOST_TEXT_BYTES = 65_535
_LONGEST_ID = 36
_LONGEST_CALLER = 64
#: Whose the tasks of callers without a project are; the column wants a name.
_NOBODY = "admin"

_tasks = models.tasks
_info = models.task_info

#: Fields of :class:`imagesvc.objects.Task`.
_COLUMNS = (
    "id",
    "type",
    "status",
    "owner",
    "image_id",
    "request_id",
    "user_id",
    "expires_at",
    "created_at",
    "updated_at",
    "deleted",
    "deleted_at",
)
_CONTENT = ("input", "result", "message")
_SELECTED = [_tasks.c[name] for name in _COLUMNS]
_WHOLE = [*_SELECTED, *(_info.c[name] for name in _CONTENT)]


def create(
    tx: Transaction,
    task_id: str,
    kind: str,
    owner: str | None,
    work: Mapping[str, Any],
    *,
    image_id: str | None = None,
    request_id: str | None = None,
    user_id: str | None = None,
) -> Primitive:
    """Insert a pending task; its primitive.

    :param kind: its type.
    :param owner: his project; None for nobody's.
    :param work: its ``input``: plain JSON, of at most ``MOST_TEXT_BYTES`` when encoded.
    :raises Conflict: the id is or was in use.
    """
    row = {
        "id": task_id,
        "type": kind,
        "status": PENDING,
        "owner": owner or _NOBODY,
        "image_id": image_id,
        "request_id": request_id and request_id[:_LONGEST_CALLER],
        "user_id": user_id and user_id[:_LONGEST_CALLER],
        "expires_at": None,
        "created_at": tx.now,
        "updated_at": tx.now,
        "deleted": False,
        "deleted_at": None,
    }
    try:
        tx.connection.execute(_tasks.insert(), row)
    except db_exc.DBDuplicateEntry:
        raise exception.Conflict(reason=f"Task {task_id} exists already.") from None
    tx.connection.execute(_info.insert(), {"task_id": task_id, "input": json.dumps(dict(work)), "message": ""})
    now = to_text(tx.now)
    return {**row, "created_at": now, "updated_at": now, "input": dict(work), "result": None, "message": ""}


def start(tx: Transaction, task_id: str) -> bool:
    """pending -> processing; whether it was pending."""
    return _move(tx, task_id, PROCESSING, expires_at=None)


def finish(
    tx: Transaction,
    task_id: str,
    outcome: str,
    *,
    keep_hours: int,
    message: str = "",
    result: Mapping[str, Any] | None = None,
) -> bool:
    """processing -> success, or pending or processing -> failure; whether it was that.

    :param outcome: SUCCESS or FAILURE.
    :param keep_hours: how long the task is shown from now on (``[task] task_time_to_live``).
    :param message: for its owner; what the column cannot hold is cut off.
    :param result: plain JSON.
    """
    if not _move(tx, task_id, outcome, expires_at=tx.now + dt.timedelta(hours=keep_hours)):
        return False
    content = {"message": _storable(tx, message), "result": None if result is None else json.dumps(dict(result))}
    tx.connection.execute(update(_info).where(_info.c.task_id == task_id).values(content))
    return True


def _move(tx: Transaction, task_id: str, wanted: str, **columns: Any) -> bool:
    statement = update(_tasks).where(
        _tasks.c.id == task_id, _tasks.c.deleted == false(), _tasks.c.status.in_(_BEFORE[wanted])
    )
    values = {**columns, "status": wanted, "updated_at": tx.now}
    return bool(tx.connection.execute(statement.values(values)).rowcount)


def _storable(tx: Transaction, message: str) -> str:
    """``message`` as far as the column can take it; what ended must not fail to end because of how that is told."""
    kept = message.replace("\0", "").encode("utf-8", "replace")[:MOST_TEXT_BYTES].decode("utf-8", "ignore")
    return "".join(char if char <= "\uffff" else "\ufffd" for char in kept) if tx.is_mysql else kept


def get(tx: Transaction, task_id: str, *, expired: bool = False) -> Primitive | None:
    """The task with its input, result and message, or None.

    :param expired: also when its time is over.
    """
    if not is_possible(task_id):
        return None
    conditions = [_tasks.c.deleted == false()] if expired else _current(tx)
    row = tx.connection.execute(_whole().where(_tasks.c.id == task_id, *conditions)).one_or_none()
    return None if row is None else _to_primitive(row)


def is_possible(task_id: str) -> bool:
    """Whether there could be a task of this id; databases fail in ways of their own when asked for what is no text."""
    return len(task_id) <= _LONGEST_ID and task_id.isascii() and task_id.isprintable()


def of_image(tx: Transaction, image_id: str, owner: str | None = None) -> list[Primitive]:
    """The tasks that are about an image, with their content, the newest first.

    :param owner: only his.
    """
    statement = _whole().where(_tasks.c.image_id == image_id, *_current(tx))
    if owner is not None:
        statement = statement.where(_tasks.c.owner == owner)
    newest_first = statement.order_by(_tasks.c.created_at.desc(), _tasks.c.id.desc())
    return [_to_primitive(row) for row in tx.connection.execute(newest_first)]


def _whole() -> Select[Any]:
    return select(*_WHOLE).join_from(_tasks, _info, _info.c.task_id == _tasks.c.id, isouter=True)


def _current(tx: Transaction) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Conditions that a task is there: neither deleted nor expired."""
    return _tasks.c.deleted == false(), or_(_tasks.c.expires_at.is_(None), _tasks.c.expires_at > tx.now)


def expire(tx: Transaction, limit: int) -> int:
    """Mark up to ``limit`` expired tasks deleted; how many."""
    late = (
        select(_tasks.c.id)
        .where(_tasks.c.deleted == false(), _tasks.c.status.in_([SUCCESS, FAILURE]), _tasks.c.expires_at <= tx.now)
        .limit(limit)
    )
    task_ids = list(tx.connection.execute(late).scalars())
    if task_ids:
        statement = update(_tasks).where(_tasks.c.id.in_(task_ids))
        tx.connection.execute(statement.values(deleted=True, deleted_at=tx.now, updated_at=tx.now))
    return len(task_ids)


# -- pages -------------------------------------------------------------------------------------------

#: Columns whose value can be asked for.
FILTERS = ("id", "type", "status", "owner", "image_id", "request_id", "user_id")
SORT_KEYS = (*FILTERS, "created_at", "updated_at", "expires_at")


def page(
    tx: Transaction,
    whose: str | None,
    wanted: Mapping[str, str],
    sort: tuple[str, bool],
    limit: int,
    marker: str | None,
) -> tuple[list[Primitive], str | None]:
    """Tasks without content, and the id to continue after if there are more.

    :param whose: only this owner's.
    :param wanted: values that some of ``FILTERS`` must have.
    :param sort: one of ``SORT_KEYS``, and whether it ascends.
    :raises InvalidMarker: the marker is not one of the tasks that are listed.
    """
    conditions = [*_current(tx), *(_tasks.c[name] == value for name, value in wanted.items())]
    if whose is not None:
        conditions.append(_tasks.c.owner == whose)
    key, ascending = _tasks.c[sort[0]], sort[1]
    statement = select(*_SELECTED).where(*conditions)
    if sort[0] == "created_at" and wanted.keys() <= {"owner"}:
        statement = _in_order(statement, of_owner=whose is not None or bool(wanted))
    if marker is not None:
        statement = statement.where(_behind(key, ascending, _place(tx, key, marker, conditions), marker))
    rows = tx.connection.execute(statement.order_by(*_order(tx, key, ascending)).limit(limit + 1)).all()
    tasks = [_to_primitive(row) for row in rows[:limit]]
    return tasks, tasks[-1]["id"] if tasks and len(rows) > limit else None


def _in_order(statement: Select[Any], *, of_owner: bool) -> Select[Any]:
    """The statement with the index in which its page stands together; MySQL would like to find all tasks and sort them."""
    index = f"imagesvc_tasks_{'of_owner_' if of_owner else ''}by_created_at"
    for dialect in ("mysql", "mariadb"):
        statement = statement.with_hint(_tasks, f"FORCE INDEX ({index})", dialect)
    return statement


def _place(tx: Transaction, key: Any, marker: str, conditions: list[ColumnElement[bool]]) -> Any:
    """The marker's value of the sort key."""
    statement = select(key).where(_tasks.c.id == marker, *conditions)
    row = tx.connection.execute(statement).one_or_none() if is_possible(marker) else None
    if row is None:
        raise exception.InvalidMarker(marker=f"{marker!s:.64}")
    return row[0]


def _order(tx: Transaction, key: Any, ascending: bool) -> list[Any]:
    """ORDER BY with null below everything, as SQLite and MySQL do by themselves."""
    terms = []
    for column in dict.fromkeys((key, _tasks.c.id)):
        term = column.asc() if ascending else column.desc()
        if tx.connection.dialect.name == "postgresql" and column.nullable:
            term = term.nulls_first() if ascending else term.nulls_last()
        terms.append(term)
    return terms


def _behind(key: Any, ascending: bool, value: Any, task_id: str) -> ColumnElement[bool]:
    """Tasks that follow the one that has this value and id."""
    beyond = _tasks.c.id > task_id if ascending else _tasks.c.id < task_id
    if value is None:
        among_equals = and_(key.is_(None), beyond)
        return or_(among_equals, key.is_not(None)) if ascending else among_equals
    further: ColumnElement[bool] = key > value if ascending else key < value
    if not ascending and key.nullable:
        return or_(further, key.is_(None), and_(key == value, beyond))
    # Said twice, so that databases see where in an index to begin.
    return and_(key >= value if ascending else key <= value, or_(further, beyond))


def _to_primitive(row: Row[Any]) -> Primitive:
    task: Primitive = row._asdict()
    for name in ("expires_at", "created_at", "updated_at", "deleted_at"):
        task[name] = to_text(task[name])
    task["updated_at"] = task["updated_at"] or task["created_at"]
    for name in ("input", "result"):
        if task.get(name) is not None:
            task[name] = json.loads(task[name])
    return task
