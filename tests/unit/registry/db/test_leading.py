"""Pages read by the rows of a tag or a property: the same as without that."""

import pytest

from imagesvc import objects
from imagesvc.registry.db import filters, leading, listing
from tests.fixtures.registry import make_registry
from tests.fixtures.rpc import make_context

ADMIN = make_context(roles=["admin", "member", "reader"], project_id="p0")
MEMBER = make_context(roles=["member", "reader"], project_id="p1")
COUNT = 24
FILTERS = ("tag", "eq", "t"), ("property:p", "eq", "v"), ("property:p", "eq", "v" * 70)


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """Images some of which are of one second, of all visibilities, with rows as Glance would write them among ours."""
    registry = make_registry(tmp_path_factory.mktemp("leading") / "state")
    for number in range(COUNT):
        registry.image(
            ADMIN,
            owner=f"p{number % 3}",
            visibility=("public", "private", "shared", "community")[number % 4],
            os_hidden=number % 11 == 5,
            tags=["t", "u"] if number % 5 else ["u"],
            properties={"p": "v" * (70 if number % 3 else 1), "q": "v"},
        )
        registry.clock.sleep(number % 2)
    for table in ("image_tags", "image_properties"):
        registry.put(f"UPDATE {table} SET image_created_at = NULL WHERE id % 4 = 1")  # noqa: S608 - our words
    registry.put(
        "INSERT INTO image_tags (image_id, value, created_at, image_created_at, deleted) "
        "SELECT image_id, value, created_at, image_created_at, deleted FROM image_tags WHERE id % 3 = 1"
    )
    return registry


def _walk(registry, context, limit, **query):
    """The images of all pages."""
    found, marker = [], ""
    while marker is not None:
        page = registry.api.image_list(context, objects.ImageQuery(limit=limit, marker=marker or None, **query))
        assert page.next_marker is None or len(page.images) == limit
        found += [image.id for image in page.images]
        marker = page.next_marker
    return found


@pytest.mark.parametrize("context", [ADMIN, MEMBER], ids=["admin", "member"])
@pytest.mark.parametrize("wanted", FILTERS, ids=str)
@pytest.mark.parametrize("sort", [(), (("created_at", "asc"),)], ids=str)
@pytest.mark.parametrize("visibility", [None, "all", "public"])
def test_pages_are_those_of_the_other_way(registry, monkeypatch, context, wanted, sort, visibility):
    query = {"filters": (wanted,), "sort": sort, "visibility": visibility}
    used = []
    genuine = leading.candidates
    monkeypatch.setattr(leading, "candidates", lambda *arguments: used.append(arguments) or genuine(*arguments))
    listing._statement.cache_clear()
    found = {limit: _walk(registry, context, limit, **query) for limit in (1, 3, COUNT)}
    assert bool(used) == (context is ADMIN and visibility != "public")
    with monkeypatch.context() as patch:
        patch.setattr(leading, "serves", lambda _sort: False)
        patch.setattr(filters, "FEW", 0)
        other = _walk(registry, context, COUNT, **query)
    assert other
    assert found == dict.fromkeys(found, other)


@pytest.mark.parametrize(
    ("sort", "served"),
    [
        ((("created_at", False), ("id", False)), True),
        ((("created_at", True), ("id", True)), True),
        ((("created_at", True), ("id", False)), False),
        ((("name", False), ("created_at", False), ("id", False)), False),
        ((("id", False),), False),
        ((("created_at", False), ("name", False), ("id", False)), False),
    ],
    ids=str,
)
def test_orders(sort, served):
    assert leading.serves(sort) == served
