"""Who may see and do what to a loaded image: visibility first, then policy, in the transaction that uses the row.

An image the caller may not see does not exist for him (ImageNotFound); one he sees but may not change is Forbidden.
"""

from typing import Any

from imagesvc import exception, policies
from imagesvc.context import RequestContext
from imagesvc.registry import states
from imagesvc.registry.db import images
from imagesvc.registry.db.transaction import Transaction

Image = dict[str, Any]

_SERVICE = "service"


class Access:
    """Decisions about images, by one policy.

    :ivar protections: who may do what to custom properties; None when they are everybody's.
    """

    def __init__(self, enforcer: policies.Enforcer, protections: policies.Protections | None = None) -> None:
        self._enforcer = enforcer
        self.protections = protections
        self.is_admin = enforcer.is_admin
        self.authorize = enforcer.authorize

    def load(
        self,
        tx: Transaction,
        context: RequestContext,
        image_id: str,
        *,
        lock: bool = False,
        rule: str | None = "get_image",
    ) -> images.Record:
        """The image, if the caller may see it.

        :param lock: for transactions that will write it.
        :param rule: without which he does not; None where another rule decides afterwards.
        :raises ImageNotFound: there is none, or none for this caller.
        """
        record = images.get(tx, image_id, context.project_id, lock=lock)
        if record is None or not self._may_see(context, record, rule):
            raise exception.ImageNotFound(image_id=image_id)
        return record

    def _may_see(self, context: RequestContext, record: images.Record, rule: str | None) -> bool:
        if record.image["status"] in states.GONE:
            return False
        visible = is_visible(record.image, context.project_id, record.member_status) or self.is_admin(context)
        return visible and (rule is None or self._enforcer.allows(context, rule, _target(context, record)))

    def require(self, context: RequestContext, rule: str, record: images.Record) -> None:
        """Raise Forbidden unless ``rule`` lets the caller do this to an image he sees."""
        self._enforcer.authorize(context, rule, _target(context, record))

    def require_change(self, context: RequestContext, rule: str, record: images.Record) -> None:
        """As :meth:`require`, for what only an owner or administrator may do even when rules name no roles."""
        self.require(context, rule, record)
        if self._enforcer.ownership_in_code and not self.is_admin(context):
            owner = record.image["owner"]
            if owner is None or owner != context.project_id:
                raise exception.Forbidden(action=rule)

    def require_of_member(self, context: RequestContext, rule: str, record: images.Record, member: str) -> None:
        """As :meth:`require`, for what is about one member of the image; old rules leave it to the code to ask who he is."""
        self._enforcer.authorize(context, rule, policies.ImageTarget(record.image, member))
        is_his = member == context.project_id or self.is_admin(context)
        if rule == "modify_member" and self._enforcer.ownership_in_code and not is_his:
            raise exception.Forbidden(action=rule)

    def is_service(self, context: RequestContext) -> bool:
        """Whether the caller is another service, or one that asks on behalf of a user."""
        return any(role.lower() == _SERVICE for role in [*context.roles, *context.service_roles])

    def require_visibility(self, context: RequestContext, visibility: str | None, record: images.Record) -> None:
        """Raise Forbidden unless the caller may give the image this visibility."""
        rule = {"public": "publicize_image", "community": "communitize_image"}.get(visibility or "")
        if rule is not None:
            self.require(context, rule, record)

    def show(self, context: RequestContext, record: images.Record) -> Image:
        """The image as the caller may see it: the stores' names instead of its locations if he must not know them, as of
        data that is withheld from him, and none of the properties that he may not read.
        """
        image = record.image
        if self.protections is not None:
            image = {**image, "properties": self.protections.readable(context, image["properties"])}
        if not image["locations"] or self._may_see_locations(context, record):
            return image
        metadata = [location["metadata"] for location in image["locations"]]
        return {**image, "locations": [], "stores": [found["store"] for found in metadata if "store" in found]}

    def _may_see_locations(self, context: RequestContext, record: images.Record) -> bool:
        if record.image["status"] == states.DEACTIVATED and not self.is_admin(context):
            return False
        return self._enforcer.allows(context, "get_image_location", _target(context, record))

    def listed(self, context: RequestContext, image: Image) -> Image | None:
        """As :meth:`show` for an image of a page, whose visibility the query has judged; None if policy hides it."""
        foreign = image["owner"] != context.project_id
        shared = foreign and image["visibility"] == "shared" and not self.is_admin(context)
        record = images.Record(image, "accepted" if shared else None)
        if not self._enforcer.allows(context, "get_image", _target(context, record)):
            return None
        return self.show(context, record)


def is_visible(image: Image, project_id: str | None, member_status: str | None) -> bool:
    """Whether a caller of ``project_id`` who is no administrator may see the image by its id.

    :param member_status: his project's membership in the image, whatever its state; None without one.
    """
    owner, visibility = image["owner"], image["visibility"]
    if owner is None or owner == project_id or visibility in {"public", "community"}:
        return True
    return visibility == "shared" and member_status is not None


def _target(context: RequestContext, record: images.Record) -> policies.ImageTarget:
    return policies.ImageTarget(record.image, None if record.member_status is None else context.project_id)
