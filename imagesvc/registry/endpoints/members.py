"""The projects an image is shared with.

An owner sees all members and invites and removes them; a member sees himself and answers the invitation.  What is not shared has
no members to speak of, though memberships outlive a time of another visibility.
"""

from typing import Any

from imagesvc import exception
from imagesvc.context import RequestContext
from imagesvc.registry import fields
from imagesvc.registry.db import images, members
from imagesvc.registry.db.transaction import Transaction
from imagesvc.registry.endpoints.access import Access
from imagesvc.registry.endpoints.transactions import Transactions
from imagesvc.registry.limits import Limits
from imagesvc.rpc import dispatcher

Member = dict[str, Any]


class MemberEndpoint:
    """Invite, show, list, answer and remove."""

    def __init__(self, transactions: Transactions, access: Access, limits: Limits) -> None:
        self._transactions = transactions
        self._access = access
        self._limits = limits

    @dispatcher.expose
    def member_add(self, context: RequestContext, image_id: str, member: str) -> Member:
        project = _project(member)

        def work(tx: Transaction) -> Member:
            record = self._access.load(tx, context, image_id, lock=True)
            self._access.require_change(context, "add_member", record)
            _check_shared(record)
            count = members.count(tx, image_id)
            self._limits.check_members(count, count + 1)
            if members.find(tx, image_id, project):
                raise exception.MemberExists(image_id=image_id, member=project)
            return members.add(tx, image_id, project)

        result: Member = self._transactions.write(context, "member_add", work)
        return result

    @dispatcher.expose
    def member_get(self, context: RequestContext, image_id: str, member: str) -> Member:
        def work(tx: Transaction) -> Member:
            record = self._access.load(tx, context, image_id)
            found = self._visible(tx, context, record, member)
            self._access.require_of_member(context, "get_member", record, found["member"])
            return found

        return self._transactions.read(work)

    @dispatcher.expose
    def member_list(self, context: RequestContext, image_id: str) -> list[Member]:
        """All members for the owner and administrators; for a member himself alone."""

        def work(tx: Transaction) -> list[Member]:
            record = self._access.load(tx, context, image_id)
            self._access.require(context, "get_members", record)
            _check_shared(record)
            if self._sees_all(context, record):
                return members.find(tx, image_id)
            # To the database no project would be all projects.
            return members.find(tx, image_id, context.project_id) if context.project_id else []

        return self._transactions.read(work)

    @dispatcher.expose
    def member_update(self, context: RequestContext, image_id: str, member: str, status: str) -> Member:
        if status not in members.STATUSES:
            raise exception.InvalidParameter(name="status", reason=f"it must be one of {', '.join(members.STATUSES)}")

        def work(tx: Transaction) -> Member:
            record = self._access.load(tx, context, image_id, lock=True)
            _check_shared(record)
            found = self._visible(tx, context, record, member)
            self._access.require_of_member(context, "modify_member", record, found["member"])
            members.set_status(tx, image_id, found["member"], status)
            return members.find(tx, image_id, found["member"])[0]

        result: Member = self._transactions.write(context, "member_update", work)
        return result

    @dispatcher.expose
    def member_delete(self, context: RequestContext, image_id: str, member: str) -> None:
        def work(tx: Transaction) -> None:
            record = self._access.load(tx, context, image_id, lock=True)
            _check_shared(record)
            found = self._visible(tx, context, record, member)
            self._access.require_change(context, "delete_member", record)
            members.remove(tx, image_id, found["member"])

        self._transactions.write(context, "member_delete", work)

    def _visible(self, tx: Transaction, context: RequestContext, record: images.Record, member: Any) -> Member:
        """The member, if the caller may know of him.

        :raises MemberNotFound: there is none, or none for this caller.
        """
        image_id = record.image["id"]
        project = _project(member)
        found = members.find(tx, image_id, project)
        if not found or not (self._sees_all(context, record) or found[0]["member"] == context.project_id):
            raise exception.MemberNotFound(image_id=image_id, member=project)
        return found[0]

    def _sees_all(self, context: RequestContext, record: images.Record) -> bool:
        owner = record.image["owner"]
        return self._access.is_admin(context) or (owner is not None and owner == context.project_id)


def _project(member: Any) -> str:
    """``member`` if it may be a project's id.

    :raises InvalidParameter: it may not.
    """
    project = fields.text("member", member, 255)
    if not project:
        raise exception.InvalidParameter(name="member", reason="it must not be empty")
    return project


def _check_shared(record: images.Record) -> None:
    if record.image["visibility"] != "shared":
        raise exception.NotShared(image_id=record.image["id"])
