"""Rows of an image's locations: what a change makes of them."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import update

from imagesvc.registry.db import children, models
from imagesvc.registry.db.transaction import Transaction

Location = dict[str, Any]

_locations = models.image_locations


def save(tx: Transaction, image_id: str, before: Sequence[Location], after: Sequence[Location]) -> list[Location]:
    """Turn a locked image's active locations from ``before`` into ``after``; what they are then.

    :param after: primitives of :class:`imagesvc.objects.Location`, those that are new without id.

    Those that are left out are the janitor's from now on.
    """
    kept = {location["id"] for location in after}
    for location in before:
        if location["id"] not in kept:
            _change(tx, location["id"], status=children.PENDING_DELETE)
    old = {location["id"]: location for location in before}
    return [_saved(tx, image_id, location, old.get(location["id"])) for location in after]


def _saved(tx: Transaction, image_id: str, location: Location, old: Location | None) -> Location:
    if old is None:
        return {**location, "id": children.add_location(tx, image_id, location["url"], location["metadata"])}
    if location["metadata"] != old["metadata"]:
        _change(tx, location["id"], meta_data=json.dumps(location["metadata"]))
    return location


def _change(tx: Transaction, location_id: int, **values: Any) -> None:
    statement = update(_locations).where(_locations.c.id == location_id)
    tx.connection.execute(statement.values(**values, updated_at=tx.now))
