"""Pages of images with a tag or a property, read from the rows of that: they stand in the order of their images' creation.

So a page costs its rows, however many images have it, and however few of all they are.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Integer, Select, Table, bindparam, select
from sqlalchemy.sql.elements import ColumnElement

from imagesvc.registry.db import filters, models, ordering

_images = models.images
_INDEXES = {
    models.image_tags: "imagesvc_image_tags_in_order",
    models.image_properties: "imagesvc_image_properties_in_order",
}


def serves(sort: ordering.Sort) -> bool:
    """Whether the rows of a tag or property stand in this order."""
    (first, ascends), *rest = sort
    return first == "created_at" and rest == [("id", ascends)]


def candidates(
    name: str,
    number: int,
    sort: ordering.Sort,
    marker: Sequence[bool] | None,
    dialect: str,
    conditions: Sequence[ColumnElement[bool]],
) -> Iterator[Select[Any]]:
    """SELECTs of ids of images, among which the page is; each of a page's length at most.

    :param name: of the filter that the page is read by, the one numbered ``number``.
    :param conditions: on images.
    """
    table, wanted = filters.rows_having(name, number, dialect)
    known = {"created_at": table.c.image_created_at, "id": table.c.image_id}
    for segment in ordering.segments(sort, marker, dialect, known):
        where = [*wanted, table.c.image_created_at.is_not(None), segment, *conditions]
        yield _first(table, known, where, ordering.order_by(sort, dialect, known))
    of_image = {key: _images.c[key] for key in known}
    for segment in ordering.segments(sort, marker, dialect):
        where = [*wanted, table.c.image_created_at.is_(None), segment, *conditions]
        yield _first(table, of_image, where, ordering.order_by(sort, dialect))


def _first(
    table: Table, columns: Mapping[str, Any], where: Sequence[ColumnElement[bool]], order: Sequence[Any]
) -> Select[Any]:
    statement = (
        select(columns["id"].label("id"))
        .select_from(table.join(_images, _images.c.id == table.c.image_id))
        .where(*where)
        # An image may have a tag twice, where the database takes two for one or Glance did not look.
        .group_by(columns["created_at"], columns["id"])
        .order_by(*order)
        .limit(bindparam("limit", type_=Integer))
    )
    for dialect in ("mysql", "mariadb"):
        statement = statement.with_hint(table, f"FORCE INDEX ({_INDEXES[table]})", dialect)
        statement = statement.prefix_with("STRAIGHT_JOIN", dialect=dialect)
    return statement
