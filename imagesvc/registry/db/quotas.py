"""How much projects have, counted while nobody else can change it."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import case, false, func, or_, select
from sqlalchemy.sql.elements import ColumnElement

from imagesvc.registry.db import children, models, uploads
from imagesvc.registry.db.transaction import Transaction

_projects = models.projects
#: Key of the row for images without owner.
_NOBODY = ""


def lock(tx: Transaction, project_id: str | None) -> None:
    """Keep everybody else who counts what the project has waiting until this transaction ends."""
    key = project_id or _NOBODY
    row = select(_projects.c.project_id).where(_projects.c.project_id == key).with_for_update()
    if tx.connection.execute(row).one_or_none() is not None:
        return
    if not tx.insert_absent(_projects, {"project_id": key}):
        tx.connection.execute(row)


def used(tx: Transaction, projects: Sequence[str | None], gone: Collection[str], without: str | None = None) -> int:
    """Bytes of the projects' images and of their uploads, those whose leftovers are not yet removed included.

    Data of an aborted upload is on disk until a janitor was there; not counting it would let a project store any amount
    by starting and deleting.

    :param gone: statuses of images that count no more.
    :param without: an upload to leave out.
    """
    images, intents = models.images.c, models.upload_intents.c
    reserved = [_of(intents.project_id, projects), intents.state.in_([uploads.LIVE, uploads.ABORTED])]
    if without is not None:
        reserved.append(intents.upload_id != without)
    return _bytes(tx, [_of(images.owner, projects), images.status.not_in(sorted(gone))], reserved)


def held(tx: Transaction, image_id: str) -> int:
    """Bytes of one image and of its upload under way."""
    intents = models.upload_intents.c
    return _bytes(tx, [models.images.c.id == image_id], [intents.image_id == image_id, intents.state == uploads.LIVE])


def _bytes(tx: Transaction, stored: list[ColumnElement[bool]], reserved: list[ColumnElement[bool]]) -> int:
    """Bytes of images, once for each location, and of uploads."""
    images, locations, intents = models.images.c, models.image_locations.c, models.upload_intents.c
    sizes = (
        select(func.coalesce(func.sum(images.size), 0))
        .join_from(models.images, models.image_locations, locations.image_id == images.id)
        .where(*stored, images.deleted == false())
        .where(locations.deleted == false(), locations.status == children.ACTIVE)
    )
    more_came = intents.received_bytes > intents.reserved_bytes
    bytes_of = case((more_came, intents.received_bytes), else_=intents.reserved_bytes)
    coming = select(func.coalesce(func.sum(bytes_of), 0)).where(*reserved)
    return int(tx.connection.execute(sizes).scalar_one()) + int(tx.connection.execute(coming).scalar_one())


def count(tx: Transaction, projects: Sequence[str | None], statuses: Collection[str]) -> int:
    """How many images of the projects have one of ``statuses``."""
    statement = select(func.count()).where(*_having(projects, statuses))
    return int(tx.connection.execute(statement).scalar_one())


def sized(tx: Transaction, projects: Sequence[str | None], statuses: Collection[str]) -> int:
    """Bytes that those images say they have."""
    statement = select(func.coalesce(func.sum(models.images.c.size), 0)).where(*_having(projects, statuses))
    return int(tx.connection.execute(statement).scalar_one())


def _having(projects: Sequence[str | None], statuses: Collection[str]) -> tuple[ColumnElement[bool], ...]:
    images = models.images.c
    return _of(images.owner, projects), images.deleted == false(), images.status.in_(sorted(statuses))


def _of(column: Any, projects: Sequence[str | None]) -> ColumnElement[bool]:
    named = [project for project in projects if project is not None]
    return column.in_(named) if len(named) == len(projects) else or_(column.is_(None), column.in_(named))
