"""Images as metadata."""

from collections.abc import Mapping, Sequence
from typing import Any

from imagesvc import exception, objects
from imagesvc.context import RequestContext
from imagesvc.registry import fields, locations, patching, settling, states
from imagesvc.registry.db import beside, filters, images, listing, location_jobs, uploads
from imagesvc.registry.db import locations as located
from imagesvc.registry.db.transaction import Transaction
from imagesvc.registry.endpoints import handover
from imagesvc.registry.endpoints.access import Access
from imagesvc.registry.endpoints.charges import CeilingsOf, Charges, Room, check_count
from imagesvc.registry.endpoints.transactions import Transactions
from imagesvc.registry.limits import Limits
from imagesvc.rpc import dispatcher

Image = dict[str, Any]

#: Most images on a page, whatever glance-api is configured to ask.
_LONGEST_PAGE = 10_000


class _Busy(Exception):
    """Something goes on about the image; its row must be locked before the image's is."""


class ImageEndpoint:
    """Show, list, create, change and delete."""

    def __init__(
        self, transactions: Transactions, charges: Charges, access: Access, limits: Limits, keep_hours: int
    ) -> None:
        """:param keep_hours: how long the task of a location is shown after its end."""
        self._keep_hours = keep_hours
        self._transactions = transactions
        self._charges = charges
        self._access = access
        self._limits = limits

    @dispatcher.expose
    def image_get(self, context: RequestContext, image_id: str) -> Image:
        def work(tx: Transaction) -> Image:
            return self._access.show(context, self._access.load(tx, context, image_id))

        return self._transactions.look(work)

    @dispatcher.expose
    def image_get_for_download(self, context: RequestContext, image_id: str) -> Image:
        """The image with its locations, unless its data is withheld (ImageDeactivated)."""

        def work(tx: Transaction) -> Image:
            record = self._access.load(tx, context, image_id)
            self._access.require(context, "download_image", record)
            if record.image["status"] == states.DEACTIVATED and not self._access.is_admin(context):
                raise exception.ImageDeactivated(image_id=image_id)
            return record.image

        return self._transactions.look(work)

    @dispatcher.expose
    def image_list(self, context: RequestContext, query: Mapping[str, Any]) -> dict[str, Any]:
        """A page for a primitive of :class:`imagesvc.objects.ImageQuery`."""
        wanted = _query(query)
        self._access.authorize(context, "get_images", {"project_id": context.project_id} if context.project_id else {})
        if not self._may_ask(context, wanted):
            return {"images": [], "next_marker": None}
        viewer = listing.Viewer(context.project_id, self._access.is_admin(context))
        page, marker = self._transactions.read(lambda tx: listing.page(tx, wanted, viewer, states.UNLISTED))
        shown = (self._access.listed(context, image) for image in page)
        return {"images": [image for image in shown if image is not None], "next_marker": marker}

    def _may_ask(self, context: RequestContext, query: objects.ImageQuery) -> bool:
        """Whether the caller may read the properties he filters by; for him, no image has others."""
        asked = [str(triple[0]) for triple in query.filters if triple]
        names = {name.removeprefix(filters.PROPERTY) for name in asked if name.startswith(filters.PROPERTY)}
        protections = self._access.protections
        return names.isdisjoint(objects.INTERNAL_PROPERTIES) and (
            protections is None or all(protections.allows(context, "read", name) for name in names)
        )

    @dispatcher.expose
    def image_create(self, context: RequestContext, image: Mapping[str, Any]) -> Image:
        if not isinstance(image, Mapping):
            raise exception.InvalidParameter(name="image", reason="an object is needed")
        image_id = fields.image_id(image.get("id"))
        columns = fields.new_image({"owner": context.owner, **image})
        properties = fields.custom_properties(image.get("properties", {}))
        tags = fields.tags(image.get("tags", []))
        self._check_quotas(properties, tags)
        self._authorize_create(context, columns, properties)

        def work(tx: Transaction, ceilings_of: CeilingsOf) -> Image:
            check_count(tx, ceilings_of(columns["owner"]), "image_count_total", states.COUNTED)
            image = images.create(tx, image_id, {**columns, "status": states.QUEUED}, properties, tags)
            return self._access.show(context, images.Record(image, None))

        result: Image = self._charges.write(context, "image_create", work)
        return result

    def _authorize_create(
        self, context: RequestContext, columns: Mapping[str, Any], properties: Mapping[str, str | None]
    ) -> None:
        record = images.Record({"properties": {}, **columns}, None)
        self._access.require_change(context, "add_image", record)
        self._access.require_visibility(context, columns["visibility"], record)
        if self._access.protections is not None:
            for name in properties:
                self._access.protections.require(context, "create", name)

    @dispatcher.expose
    def image_patch(self, context: RequestContext, image_id: str, changes: Sequence[Any]) -> Image:
        if not isinstance(changes, list):
            raise exception.InvalidPatch(reason="the changes are not a list")
        if not changes:
            # Whoever sees the image may change nothing of it.
            return self.image_get(context, image_id)

        rules = ["modify_image", *locations.rules(changes)]
        # Whoever may not is refused without anybody's limits.
        is_given = handover.gives_away(changes) and self._access.is_admin(context)

        def work(tx: Transaction, ceilings_of: CeilingsOf) -> Image:
            gift = handover.begin(tx, ceilings_of, image_id, changes) if is_given else None
            room = Room(tx, ceilings_of(images.lock(tx, image_id))) if len(rules) > 1 else None
            record = self._access.load(tx, context, image_id, lock=True)
            for rule in rules:
                self._access.require_change(context, rule, record)
            draft = self._draft(context, record.image, changes)
            if not draft.is_changed:
                return self._access.show(context, record)
            self._authorize_patch(context, record, draft)
            self._check_quotas(draft.properties, draft.tags, record.image)
            self._check_locations(record.image, draft, room)
            if gift is not None:
                gift.check(record.image["status"])
            image = images.save(tx, record.image, draft.columns, draft.properties, draft.tags)
            image["locations"] = located.save(tx, image_id, image["locations"], draft.locations)
            if gift is not None:
                gift.settle()
            return self._access.show(context, images.Record(image, record.member_status))

        result: Image = self._charges.write(context, "image_patch", work, likely=len(rules) > 1)
        return result

    def _draft(self, context: RequestContext, image: Image, changes: Sequence[Any]) -> patching.Draft:
        """What the changes make of the image; properties that the caller may not read stay, and are not there for him."""
        protections = self._access.protections
        if protections is None:
            return patching.apply(image, changes)
        readable = protections.readable(context, image["properties"])
        hidden = {name: value for name, value in image["properties"].items() if name not in readable}

        def guard(operation: str, name: str) -> None:
            if not protections.allows(context, "update" if name in hidden else operation, name):
                # Whether there is a hidden one is not told.
                raise exception.PropertyProtected(operation=operation, name=name)
            hidden.pop(name, None)

        draft = patching.apply({**image, "properties": readable}, changes, guard)
        draft.properties |= hidden
        return draft

    def _authorize_patch(self, context: RequestContext, record: images.Record, draft: patching.Draft) -> None:
        if "owner" in draft.columns and not self._access.is_admin(context):
            raise exception.Forbidden(action="change_owner")
        self._access.require_visibility(context, draft.columns.get("visibility"), record)

    def _check_quotas(
        self, properties: Mapping[str, str | None], tags: Sequence[str], before: Mapping[str, Any] | None = None
    ) -> None:
        old = before or {"properties": {}, "tags": []}
        self._limits.check_properties(fields.counted(old["properties"]), fields.counted(properties))
        self._limits.check_tags(len(old["tags"]), len(tags))
        fields.check_total(old["properties"], properties)

    def _check_locations(self, image: Image, draft: patching.Draft, room: Room | None) -> None:
        """Each location of an image counts as much as its data."""
        before, after = len(image["locations"]), len(draft.locations)
        if after > before:
            size = draft.columns.get("size", image["size"]) or 0
            self._limits.check_locations(before, after)
            self._limits.check_size(size)
            assert room is not None, "who adds locations has asked for room"
            room.check((after - before) * size)

    @dispatcher.expose
    def image_delete(self, context: RequestContext, image_id: str) -> None:
        """Uploads under way are fenced at once; data becomes the janitor's."""

        def quickly(tx: Transaction) -> None:
            record = self._deletable(tx, context, image_id)
            found = beside.of(tx, image_id)
            if not found.isdisjoint({beside.UPLOAD, beside.JOB}):
                raise _Busy
            images.delete(tx, record.image, states.DELETED, has_members=beside.MEMBER in found)

        def thoroughly(tx: Transaction) -> None:
            upload_ids = uploads.live_of_image(tx, image_id)
            job = location_jobs.lock_of_image(tx, image_id)
            record = self._deletable(tx, context, image_id)
            for upload_id in {*upload_ids, *uploads.live_of_image(tx, image_id)}:
                uploads.abort(tx, upload_id)
            if job is not None:
                settling.end_location(tx, job, self._keep_hours, "The image was deleted.")
            images.delete(tx, record.image, states.DELETED, has_members=beside.MEMBER in beside.of(tx, image_id))

        try:
            self._transactions.write(context, "image_delete", quickly)
        except _Busy:
            self._transactions.write(context, "image_delete", thoroughly)

    def _deletable(self, tx: Transaction, context: RequestContext, image_id: str) -> images.Record:
        """The image, locked, if the caller may delete it as it is."""
        record = self._access.load(tx, context, image_id, lock=True)
        self._access.require_change(context, "delete_image", record)
        if record.image["protected"]:
            raise exception.ImageProtected(image_id=image_id)
        states.check(record.image["status"], states.DELETED)
        return record


def _query(primitive: Mapping[str, Any]) -> objects.ImageQuery:
    """The query, if its parts have the kinds they should.

    :raises InvalidParameter: naming the part.
    """
    try:
        query = objects.ImageQuery.from_primitive(primitive)
        limit = fields.number("limit", query.limit, _LONGEST_PAGE)
        sort = tuple((str(key), str(direction)) for key, direction in query.sort)
    except (AttributeError, TypeError, ValueError):
        raise exception.InvalidParameter(name="query", reason="it is malformed") from None
    if not isinstance(query.os_hidden, bool):
        raise exception.InvalidParameter(name="os_hidden", reason="true or false is needed")
    if query.marker is not None:
        fields.text("marker", query.marker, 255)
    return objects.ImageQuery(
        query.filters, sort, limit, query.marker, query.visibility, query.member_status, query.os_hidden
    )
