"""Pages of images: filters, visibility and order become one SELECT, one more fetches what hangs on the images.

The SELECT is a UNION ALL of one indexed, ordered and limited query for each kind of images that the viewer sees and each range of
the order, where there is more than one.
"""

import dataclasses
import functools
import itertools
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    CompoundSelect,
    Integer,
    Select,
    Table,
    bindparam,
    false,
    literal_column,
    or_,
    select,
    union,
    union_all,
)
from sqlalchemy.sql.elements import ColumnElement

from imagesvc import exception, objects
from imagesvc.registry.db import children, filters, images, jsonrows, leading, models, ordering, views
from imagesvc.registry.db.transaction import Transaction

_images = models.images
_WHOLE_ROW = jsonrows.row(*images.SELECTED)

#: Characters of a page after which it ends early; the reply must stay below the bus's limit.
PAGE_CHARACTERS = 4 * 1024 * 1024
_IMAGE_CHARACTERS = 700

_MEMBER_STATUSES = ("accepted", "pending", "rejected", "all")


@dataclasses.dataclass(frozen=True, slots=True)
class Viewer:
    """Whose list it is."""

    project_id: str | None
    is_admin: bool


@dataclasses.dataclass(frozen=True, slots=True)
class _Shape:
    """What makes one listing's statement differ from another's; all else is a parameter.

    :param marker: per sort key, whether the marker's value is null; None on the first page.
    :param owned: whether the filters leave only the viewer's own images, or only foreign ones.
    :param is_led: whether the page is read by the only filter, see :mod:`imagesvc.registry.db.leading`.
    :param split: the filter for each of whose values there is a query, by its number, and the number of the values.
    """

    filters: filters.Shape
    sort: ordering.Sort
    marker: tuple[bool, ...] | None
    visibility: str | None
    member_status: str
    viewer: views.Viewer
    unlisted: frozenset[str]
    dialect: str
    owned: bool | None = None
    is_led: bool = False
    split: tuple[int, int] | None = None

    @property
    def key(self) -> str:
        """The column by whose index a page is read."""
        key = self.sort[0][0]
        if key != "created_at":
            return key
        if self.split:
            return self.filters[self.split[0]][0]
        # Those that equal a value are ordered by time in the index of that value's column.
        return next((name for name, op in self.filters if op == "eq" and name in models.SORT_KEYS), key)


def page(
    tx: Transaction, query: objects.ImageQuery, viewer: Viewer, unlisted: frozenset[str]
) -> tuple[list[images.Primitive], str | None]:
    """The images of one page, and the id to continue after if there may be more.

    :param unlisted: statuses that never appear in a list.
    :raises InvalidParameter: for an unknown filter, sort key or value.
    :raises InvalidMarker: the marker is not an image the viewer may list.
    """
    filter_shape, arguments = filters.checked(query.filters)
    shape = _Shape(
        filter_shape,
        ordering.checked(query.sort),
        None,
        _one_of("visibility", query.visibility, (None, "all", *models.VISIBILITIES)),
        _one_of("member_status", query.member_status, _MEMBER_STATUSES),
        views.Viewer(viewer.project_id is not None, viewer.is_admin),
        unlisted,
        "mysql" if tx.is_mysql else tx.connection.dialect.name,
    )
    arguments.update(project_id=viewer.project_id, os_hidden=query.os_hidden, limit=query.limit)
    shape = _cheapest(tx, shape, arguments)
    if query.marker is not None:
        values = _marker(tx, query.marker, viewer, shape)
        arguments.update({f"marker{number}": value for number, value in enumerate(values)})
        shape = dataclasses.replace(shape, marker=tuple(value is None for value in values))
    if query.limit <= 0:
        return [], None
    page_images = [images.from_json(row) for row in jsonrows.fetch(tx.connection, _statement(shape), arguments)]
    is_full = len(page_images) == query.limit
    _add_children(tx, page_images)
    kept = _fitting(page_images)
    more = kept and (is_full or len(kept) < len(page_images))
    return kept, kept[-1]["id"] if more else None


def _cheapest(tx: Transaction, shape: _Shape, arguments: dict[str, Any]) -> _Shape:
    """The shape with what the values of the filters tell about the best way to the page; adds arguments that this needs."""
    shape = dataclasses.replace(shape, owned=_owned(shape.filters, arguments))
    if _is_led(shape):
        return dataclasses.replace(shape, is_led=True)
    if shape.key == "created_at" and (split := next(filters.alternatives(shape.filters, arguments), None)):
        number, count = split
        arguments.update({f"filter{number}_{place}": arguments[f"filter{number}"][place] for place in range(count)})
        shape = dataclasses.replace(shape, split=split)
    return dataclasses.replace(shape, filters=filters.measured(tx, shape.filters, arguments, shape.key))


def _is_led(shape: _Shape) -> bool:
    """Whether a tag or property is all that is asked for, of one who sees nearly all images that have it, however many they are."""
    names = [name for name, _ in shape.filters]
    sees_all = shape.viewer.is_admin and shape.visibility in (None, "all")
    return sees_all and leading.serves(shape.sort) and len(names) == 1 and names[0] in filters.ELSEWHERE


def _owned(shape: filters.Shape, arguments: Mapping[str, Any]) -> bool | None:
    """Whether a filter of the owner leaves only the viewer's images, or only foreign ones; None if that is not sure.

    Databases differ in what they take for equal, so a value that is nearly the viewer's project is neither.
    """
    project = arguments["project_id"]
    for number, (name, op) in enumerate(shape):
        if (name, op) == ("owner", "eq") and project is not None:
            value = arguments[f"filter{number}"]
            if value == project:
                return True
            if value.isascii() and project.isascii() and value.strip().lower() != project.strip().lower():
                return False
    return None


def _one_of(name: str, value: Any, words: Sequence[Any]) -> Any:
    if value not in words:
        raise exception.InvalidParameter(name=name, reason=f"it must be one of {', '.join(filter(None, words))}")
    return value


@functools.lru_cache(maxsize=256)
def _statement(shape: _Shape) -> Select[Any]:
    """The SELECT for one page; making it costs more than running it."""
    common = [*_listed(shape.unlisted), _images.c.os_hidden == bindparam("os_hidden")]
    order = ordering.order_by(shape.sort, shape.dialect)
    limit = bindparam("limit", type_=Integer)

    def first(
        columns: Sequence[Any], view: views.View, segment: ColumnElement[bool], wanted: Sequence[ColumnElement[bool]]
    ) -> Select[Any]:
        statement = select(*columns).where(*common, *wanted, view.condition, segment).order_by(*order).limit(limit)
        if index := _index(shape, view):
            for dialect in ("mysql", "mariadb"):
                statement = statement.with_hint(_images, f"FORCE INDEX ({index})", dialect)
        return statement

    kinds = views.views(shape.viewer, shape.visibility, shape.member_status, shape.owned)
    if shape.is_led:
        [everything] = kinds
        name = shape.filters[0][0]
        led = leading.candidates(name, 0, shape.sort, shape.marker, shape.dialect, [*common, everything.condition])
        return _combined(union(*[select(one.subquery().c.id) for one in led]), order)
    segments = ordering.segments(shape.sort, shape.marker, shape.dialect)
    parts = list(itertools.product(kinds, segments, filters.conditions(shape.filters, shape.dialect, shape.split)))
    if len(parts) == 1:
        return first([_WHOLE_ROW], *parts[0])
    firsts = [first([_images.c.id], *part).subquery() for part in parts]
    # What several values of a filter are to the database, it may take for one.
    combined = union if shape.split else union_all
    return _combined(combined(*[select(part.c.id) for part in firsts]), order)


def _combined(ids: CompoundSelect[Any], order: Sequence[Any]) -> Select[Any]:
    """The page out of ids of images among which it is."""
    candidates = ids.subquery()
    whole = select(_WHOLE_ROW).join(candidates, candidates.c.id == _images.c.id)
    return whole.order_by(*order).limit(bindparam("limit", type_=Integer))


def _listed(unlisted: frozenset[str]) -> list[ColumnElement[bool]]:
    return [_images.c.deleted == false(), _images.c.status.not_in(sorted(unlisted))]


def _marker(tx: Transaction, marker: str, viewer: Viewer, shape: _Shape) -> Sequence[Any]:
    """The marker's values of the sort keys."""
    conditions = [_images.c.id == marker, *_listed(shape.unlisted)]
    if not viewer.is_admin:
        conditions.append(or_(*[view.condition for view in views.views(shape.viewer, "all", "all")]))
    statement = select(*[_images.c[key] for key, _ in shape.sort]).where(*conditions)
    row = tx.connection.execute(statement, {"project_id": viewer.project_id}).one_or_none()
    if row is None:
        raise exception.InvalidMarker(marker=f"{marker!s:.64}")
    return row


def _index(shape: _Shape, view: views.View) -> str | None:
    """The indexes MySQL may use for a view, as the text of a hint; None to let it choose.

    It must be told, for to fill a short page it likes to walk to the marker from the end, or through all images.  Where a filter
    has an index of its own it chooses well.
    """
    in_lists = any(op == "in" for _, op in shape.filters) and shape.key == shape.sort[0][0]
    if in_lists or any(name in _CHOSEN for name, _ in shape.filters):
        return None
    few = [name for name, op in shape.filters if filters.are_few(op)]
    if any(name not in filters.INDEXES for name in few):
        return "PRIMARY"
    if view.indexes is None:
        # By members; to find that out takes MySQL, with so many indexes to think of, longer than to do it.
        return None if shape.filters else "PRIMARY"
    if few:
        return filters.INDEXES[few[0]]
    of_owner = view.is_own or ("owner", "eq") in shape.filters
    if of_owner and view.has_visibility and shape.key == "created_at":
        return views.OF_OWNER_AND_VISIBILITY
    # One owner's images have the same order as all have, and are fewer.
    return f"{views.OF_OWNER if of_owner else view.indexes}{shape.key}"


#: Filters that leave few images, by an index of Glance's.
_CHOSEN = {"id", "checksum", "os_hash_value"}


# -- what hangs on the images ------------------------------------------------------------------------


_PROPERTY, _TAG, _LOCATION = range(3)


def _of(kind: int, table: Table, *columns: Any) -> Select[Any]:
    statement = select(jsonrows.row(literal_column(str(kind)), table.c.image_id, table.c.id, *columns))
    return statement.where(table.c.image_id.in_(bindparam("image_ids", expanding=True)), table.c.deleted == false())


_properties, _tags, _locations = models.image_properties.c, models.image_tags.c, models.image_locations.c
# Without an order, for which the server would write everything down first.
_CHILDREN = union_all(
    _of(_PROPERTY, models.image_properties, _properties.name, _properties.value),
    _of(_TAG, models.image_tags, _tags.value),
    _of(_LOCATION, models.image_locations, _locations.value, _locations.meta_data, _locations.status).where(
        _locations.status == literal_column(f"'{children.ACTIVE}'")
    ),
)


def _add_children(tx: Transaction, page_images: Sequence[images.Primitive]) -> None:
    if not page_images:
        return
    by_id = {image["id"]: image for image in page_images}
    rows = jsonrows.fetch(tx.connection, _CHILDREN, {"image_ids": list(by_id)})
    rows.sort(key=itemgetter(2))
    for kind, image_id, row_id, *values in rows:
        image = by_id[image_id]
        if kind == _PROPERTY:
            image["properties"][values[0]] = values[1]
        elif kind == _TAG:
            image["tags"].append(values[0])
        else:
            image["locations"].append(images.to_location(tx, row_id, *values))


def _fitting(page_images: list[images.Primitive]) -> list[images.Primitive]:
    """As many images as one reply may hold, at least one."""
    left = PAGE_CHARACTERS
    for count, image in enumerate(page_images):
        left -= _IMAGE_CHARACTERS
        left -= sum(len(name) + len(value or "") for name, value in image["properties"].items())
        left -= sum(map(len, image["tags"])) + sum(len(location["url"]) for location in image["locations"])
        if left < 0 and count:
            return page_images[:count]
    return page_images
