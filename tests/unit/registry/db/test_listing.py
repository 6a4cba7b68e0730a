import dataclasses
import functools
import itertools
import re

import pytest
import sqlalchemy
from sqlalchemy.dialects import mysql

from imagesvc import exception, objects
from imagesvc.registry import states
from imagesvc.registry.db import listing, ordering, views
from imagesvc.registry.db.models import SORT_KEYS
from tests.fixtures.registry import make_registry
from tests.fixtures.rpc import make_context

ADMIN = make_context(roles=["admin"], project_id="p0")
MEMBER = make_context(roles=["member", "reader"], project_id="p1")
VIEWER = listing.Viewer("p1", is_admin=False)


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """27 images of three visibilities whose names, sizes, formats and times repeat or are missing."""
    registry = make_registry(tmp_path_factory.mktemp("listing") / "state")
    names, formats = itertools.cycle(["b", "a", None]), itertools.cycle(["raw", None, "qcow2", "raw"])
    for number in range(27):
        owner, visibility = [("p1", "private"), ("p2", "public"), ("p2", "shared")][number % 3]
        image_id = registry.image(
            ADMIN,
            owner=owner,
            visibility=visibility,
            name=next(names),
            disk_format=next(formats),
            properties={f"p{n}": str(number) for n in range(number % 3)},
            tags=[f"t{number % 2}"],
        )
        registry.put("UPDATE images SET size = :size WHERE id = :id", size=[7, None][number % 2], id=image_id)
        if visibility == "shared":
            registry.share(image_id, "p1")
        registry.clock.sleep(number % 4 == 0)
    return registry


def _pages(registry, **query):
    marker, pages = None, []
    while True:
        page = registry.api.image_list(MEMBER, objects.ImageQuery(marker=marker, **query))
        pages.append([image.id for image in page.images])
        marker = page.next_marker
        if marker is None:
            return pages
        assert len(page.images) == query["limit"]
        assert len(pages) < 100


def _key(image, sort):
    """Python's own idea of the order: null is less than everything."""
    order = []
    for key, direction in sort:
        value = getattr(image, key)
        rank = (value is not None, value if value is not None else 0)
        order.append(_Reversed(rank) if direction == "desc" else rank)
    return order


@functools.total_ordering
@dataclasses.dataclass(frozen=True)
class _Reversed:
    value: tuple

    def __lt__(self, other):
        return other.value < self.value


@pytest.mark.parametrize(
    "sort",
    [
        *[((key, direction),) for key in SORT_KEYS for direction in ("asc", "desc")],
        (),
        (("name", "asc"), ("size", "desc")),
        (("disk_format", "desc"), ("created_at", "asc")),
        (("size", "asc"), ("name", "asc"), ("id", "desc")),
    ],
)
def test_pages_are_the_whole_list_in_order_without_gaps_or_repetitions(registry, sort):
    whole = registry.api.image_list(MEMBER, objects.ImageQuery(sort=sort, limit=100)).images
    assert len(whole) == 27
    last = sort[-1][1] if sort else "desc"
    full = (*(sort or ()), ("created_at", last), ("id", last))
    assert [image.id for image in whole] == [image.id for image in sorted(whole, key=lambda image: _key(image, full))]
    for limit in (1, 4, 27):
        pages = _pages(registry, sort=sort, limit=limit)
        assert list(itertools.chain(*pages)) == [image.id for image in whole]


def test_children_come_with_their_images(registry):
    for image in registry.api.image_list(MEMBER, objects.ImageQuery(limit=100)).images:
        shown = registry.api.image_get(MEMBER, image.id)
        assert image == shown


@pytest.mark.parametrize("limit", [2, 20])
def test_a_page_costs_two_queries_however_long(registry, limit):
    statements = []
    engine = registry.database._current().engine

    def count(_connection, _cursor, statement, *_rest):
        if statement.startswith("SELECT"):
            statements.append(statement)

    sqlalchemy.event.listen(engine, "before_cursor_execute", count)
    try:
        registry.api.image_list(MEMBER, objects.ImageQuery(limit=limit))
    finally:
        sqlalchemy.event.remove(engine, "before_cursor_execute", count)
    assert len(statements) == 2


def test_no_images_on_no_page(registry):
    page = registry.api.image_list(MEMBER, objects.ImageQuery(limit=0))
    assert page == objects.ImagePage(images=(), next_marker=None)


def _listed(registry, context=MEMBER, **query):
    return {image.id for image in registry.api.image_list(context, objects.ImageQuery(limit=100, **query)).images}


def test_marker_must_be_visible_to_who_names_it(registry):
    hidden = registry.image(ADMIN, owner="p2", visibility="private")
    with pytest.raises(exception.InvalidMarker):
        registry.api.image_list(MEMBER, objects.ImageQuery(marker=hidden))
    registry.api.image_list(ADMIN, objects.ImageQuery(marker=hidden))
    registry.api.image_delete(ADMIN, hidden)
    with pytest.raises(exception.InvalidMarker):
        registry.api.image_list(ADMIN, objects.ImageQuery(marker=hidden))


@pytest.mark.parametrize("status", sorted(states.UNLISTED))
def test_some_statuses_are_never_listed(registry, status):
    image_id = registry.image(MEMBER, name="odd one")
    registry.put("UPDATE images SET status = :status WHERE id = :id", status=status, id=image_id)
    assert image_id not in _listed(registry)
    assert image_id not in _listed(registry, filters=(("status", "eq", status),))
    registry.put("DELETE FROM images WHERE id = :id", id=image_id)


def test_hidden_images_are_listed_when_asked_for(registry):
    image_id = registry.image(MEMBER, os_hidden=True)
    assert image_id not in _listed(registry)
    assert _listed(registry, os_hidden=True) == {image_id}
    registry.api.image_delete(MEMBER, image_id)


def test_a_page_ends_early_when_it_grows_too_big_for_one_reply(registry, monkeypatch):
    monkeypatch.setattr(listing, "PAGE_CHARACTERS", 2 * 750)
    pages = []
    marker = None
    while len(pages) < 20:
        page = registry.api.image_list(MEMBER, objects.ImageQuery(limit=10, marker=marker))
        pages.append(page.images)
        marker = page.next_marker
        if marker is None:
            break
    assert [len(page) for page in pages] == [2] * 13 + [1]
    assert len({image.id for page in pages for image in page}) == 27


def test_one_image_that_is_too_big_is_a_page(registry, monkeypatch):
    monkeypatch.setattr(listing, "PAGE_CHARACTERS", 1)
    page = registry.api.image_list(MEMBER, objects.ImageQuery(limit=10))
    assert len(page.images) == 1
    assert page.next_marker == page.images[0].id


@pytest.mark.parametrize(
    ("filters", "sort", "index"),
    [
        ((), (), "imagesvc_images_by_created_at"),
        ((("status", "eq"),), (), "imagesvc_images_by_status"),
        ((("owner", "eq"),), (), "imagesvc_images_of_owner_by_created_at"),
        ((("owner", "eq"), ("status", "eq")), (), "imagesvc_images_of_owner_by_status"),
        ((("owner", "eq"),), (("name", "asc"),), "imagesvc_images_of_owner_by_name"),
        ((("owner", "eq"), ("tag", "few eq")), (), "PRIMARY"),
        ((("status", "eq"), ("updated_at", "few gte")), (), "imagesvc_images_by_updated_at"),
        ((("protected", "few eq"),), (("name", "asc"),), "imagesvc_images_by_protected"),
    ],
)
def test_mysql_is_told_which_index_has_the_order(filters, sort, index):
    viewer = views.Viewer(has_project=True, is_admin=True)
    shape = listing._Shape(filters, ordering.checked(sort), None, None, "accepted", viewer, frozenset(), "mysql")
    assert f"FORCE INDEX ({index})" in str(listing._statement(shape).compile(dialect=mysql.dialect()))


@pytest.mark.parametrize(
    ("is_admin", "visibility", "sort", "indexes"),
    [
        (True, "public", (), ["owner_and_visibility"]),
        (True, "public", (("name", "asc"),), ["owner_by_name"]),
        (False, "private", (), ["owner_and_visibility"]),
        (False, None, (), ["owner_by_created_at", "owner_and_visibility"]),
    ],
)
def test_mysql_is_told_where_an_owners_images_of_one_visibility_are(is_admin, visibility, sort, indexes):
    shape = listing._Shape(
        (("owner", "eq"),),
        ordering.checked(sort),
        None,
        visibility,
        "accepted",
        views.Viewer(has_project=True, is_admin=is_admin),
        frozenset(),
        "mysql",
    )
    statement = str(listing._statement(shape).compile(dialect=mysql.dialect()))
    assert re.findall(r"FORCE INDEX \(imagesvc_images_of_(\w+)\)", statement) == indexes


@pytest.mark.parametrize(
    ("filters", "primary"), [((), 1), ((("tag", "few eq"),), 3), ((("status", "eq"),), 0), ((("checksum", "eq"),), 0)]
)
def test_mysql_is_told_that_members_find_what_is_shared_with_them(filters, primary):
    viewer = views.Viewer(has_project=True, is_admin=False)
    shape = listing._Shape(filters, ordering.checked(()), None, None, "accepted", viewer, frozenset(), "mysql")
    statement = str(listing._statement(shape).compile(dialect=mysql.dialect()))
    assert statement.count("FORCE INDEX (PRIMARY)") == primary


@pytest.mark.parametrize("sort", [(), (("name", "asc"),), (("created_at", "asc"),)], ids=str)
def test_pages_of_several_values_are_the_whole_list(registry, sort):
    wanted = (("disk_format", "in", ["qcow2", "raw", "vdi"]),)
    everything = _pages(registry, limit=100, sort=sort)[0]
    formats = {
        image.id: image.disk_format for image in registry.api.image_list(MEMBER, objects.ImageQuery(limit=100)).images
    }
    pages = _pages(registry, limit=4, sort=sort, filters=wanted)
    assert list(itertools.chain(*pages)) == [image_id for image_id in everything if formats[image_id]]
    assert len(pages) > 3


@pytest.mark.parametrize(
    ("project", "value", "owned"),
    [
        ("p1", "p1", True),
        ("p1", "p2", False),
        ("p1", "P1", None),
        ("p1", "p1 ", None),
        ("é", "e", None),
        (None, "p1", None),
    ],
)
def test_only_a_filter_for_surely_another_owner_leaves_out_ones_own(project, value, owned):
    assert listing._owned((("name", "eq"), ("owner", "eq")), {"filter1": value, "project_id": project}) is owned
