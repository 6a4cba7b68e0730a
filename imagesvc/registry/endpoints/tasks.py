"""Tasks: long work that is followed by its owner."""

import json
from collections.abc import Mapping
from typing import Any

from imagesvc import exception, objects
from imagesvc.context import RequestContext
from imagesvc.registry import fields
from imagesvc.registry.db import tasks
from imagesvc.registry.db.transaction import Transaction
from imagesvc.registry.endpoints.access import Access
from imagesvc.registry.endpoints.transactions import Transactions
from imagesvc.rpc import dispatcher

Task = dict[str, Any]

_RULE = "tasks_api_access"
_LONGEST_PAGE = 10_000
_LONGEST_VALUE = 255
_NOT_RUN = (
    "This release does not run tasks of type import. Create an image with POST /v2/images, and bring its data with "
    "PUT /v2/images/{image_id}/file."
)


class TaskEndpoint:
    """Create, show and list.

    :param keep_hours: how long a task is shown after its end.
    """

    def __init__(self, transactions: Transactions, access: Access, keep_hours: int) -> None:
        self._transactions = transactions
        self._access = access
        self._keep_hours = keep_hours

    @dispatcher.expose
    def task_create(self, context: RequestContext, task_id: str, kind: str, work: Mapping[str, Any]) -> Task:
        """The task; it has failed, because nothing runs it.

        :raises InvalidParameter: the type is not one that callers may ask for, or the input is too long.
        """
        self._access.authorize(context, _RULE)
        _check_new(task_id, kind, work)

        def create(tx: Transaction) -> Task:
            by = {"request_id": context.request_id, "user_id": context.user_id}
            tasks.create(tx, task_id, kind, context.project_id, work, **by)
            tasks.finish(tx, task_id, tasks.FAILURE, keep_hours=self._keep_hours, message=_NOT_RUN)
            return _found(tasks.get(tx, task_id, expired=True), task_id)

        result: Task = self._transactions.write(context, "task_create", create)
        return result

    @dispatcher.expose
    def task_get(self, context: RequestContext, task_id: str) -> Task:
        self._access.authorize(context, _RULE)

        def work(tx: Transaction) -> Task:
            task = _found(tasks.get(tx, str(task_id)), task_id)
            if self._whose(context) not in {None, task["owner"]}:
                raise _not_found(task_id)
            return task

        return self._transactions.read(work)

    @dispatcher.expose
    def task_list(self, context: RequestContext, query: Mapping[str, Any]) -> dict[str, Any]:
        """A page for a primitive of :class:`imagesvc.objects.TaskQuery`."""
        self._access.authorize(context, _RULE)
        wanted = _query(query)
        whose, sort = self._whose(context), (wanted.sort_key, wanted.sort_dir == "asc")

        def work(tx: Transaction) -> dict[str, Any]:
            page, marker = tasks.page(tx, whose, wanted.filters, sort, wanted.limit, wanted.marker)
            return {"tasks": page, "next_marker": marker}

        return self._transactions.read(work)

    @dispatcher.expose
    def image_task_list(self, context: RequestContext, image_id: str) -> list[Task]:
        def work(tx: Transaction) -> list[Task]:
            record = self._access.load(tx, context, image_id)
            return tasks.of_image(tx, record.image["id"], self._whose(context))

        return self._transactions.read(work)

    def _whose(self, context: RequestContext) -> str | None:
        """The project whose tasks the caller sees, which is never empty in a row; None for everybody's."""
        return None if self._access.is_admin(context) else context.project_id or ""


def _check_new(task_id: Any, kind: Any, work: Any) -> None:
    fields.image_id(task_id)
    if kind != tasks.IMPORT:
        raise exception.InvalidParameter(
            name="type", reason=f"only tasks of type {tasks.IMPORT} can be asked for; others are made by the service"
        )
    if not isinstance(work, Mapping):
        raise exception.InvalidParameter(name="input", reason="an object is needed")
    if len(json.dumps(work)) > tasks.MOST_TEXT_BYTES:
        raise exception.InvalidParameter(name="input", reason=f"it has more than {tasks.MOST_TEXT_BYTES} bytes")


def _query(primitive: Mapping[str, Any]) -> objects.TaskQuery:
    """The query, if its parts have the kinds they should.

    :raises InvalidParameter: naming the part.
    """
    try:
        query = objects.TaskQuery.from_primitive(primitive)
        filters = {name: fields.text(name, value, _LONGEST_VALUE) for name, value in query.filters.items()}
    except (AttributeError, TypeError, ValueError):
        raise exception.InvalidParameter(name="query", reason="it is malformed") from None
    for name, value, words in (
        *(("filters", name, tasks.FILTERS) for name in filters),
        ("sort_key", query.sort_key, tasks.SORT_KEYS),
        ("sort_dir", query.sort_dir, ("asc", "desc")),
    ):
        if value not in words:
            raise exception.InvalidParameter(name=name, reason=f"it must be one of {', '.join(words)}")
    fields.number("limit", query.limit, _LONGEST_PAGE)
    if query.marker is not None:
        fields.text("marker", query.marker, _LONGEST_VALUE)
    return query


def _found(task: Task | None, task_id: str) -> Task:
    if task is None:
        raise _not_found(task_id)
    return task


def _not_found(task_id: str) -> exception.TaskNotFound:
    return exception.TaskNotFound(task_id=f"{task_id!s:.64}")
