import pytest

from imagesvc import exception, objects
from imagesvc.registry.db import filters
from tests.fixtures.registry import make_registry
from tests.fixtures.rpc import make_context

#: Longer than what the index of values has of it.
LONG = "a" * 20_000
MEMBER = make_context(roles=["member", "reader"], project_id="p1")


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    registry = make_registry(tmp_path_factory.mktemp("filters") / "state")
    registry.image(
        MEMBER, name="one", tags=["x"], properties={"os": "linux", "long": LONG + "x"}, min_ram=1, protected=True
    )
    registry.clock.sleep(60)
    registry.image(MEMBER, name="two", tags=["x", "y"], properties={"os": "linux", "a.b": "c"}, min_ram=2)
    registry.clock.sleep(60)
    registry.image(MEMBER, name="three", tags=[], properties={"os": "minix"}, disk_format="iso", min_ram=3)
    three = registry.api.image_list(MEMBER, objects.ImageQuery(limit=1)).images[0].id
    change = [{"op": "remove", "path": ["os"]}, {"op": "add", "path": ["tags"], "value": ["z"]}]
    registry.api.image_patch(MEMBER, three, change)
    return registry


@pytest.mark.parametrize("few", [0, filters.FEW])
@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ([], {"one", "two", "three"}),
        ([["name", "eq", "two"]], {"two"}),
        ([["name", "neq", "two"]], {"one", "three"}),
        ([["name", "in", ["two", "three", "four"]]], {"two", "three"}),
        ([["name", "in", []]], set()),
        ([["name", "in", ["two", "two", "two"]]], {"two"}),
        ([["disk_format", "eq", "iso"]], {"three"}),
        ([["disk_format", "in", ["iso", "raw"]]], {"one", "two", "three"}),
        ([["disk_format", "in", ["iso", "vdi"]], ["min_ram", "gt", 2]], {"three"}),
        ([["status", "in", ["queued", "active"]], ["disk_format", "in", ["raw", "vdi"]]], {"one", "two"}),
        ([["status", "eq", "queued"], ["disk_format", "in", ["raw", "vdi"]]], {"one", "two"}),
        ([["status", "in", ["a", "b", "c", "d", "e", "queued"]]], {"one", "two", "three"}),
        ([["min_ram", "gte", 2]], {"two", "three"}),
        ([["min_ram", "lt", 2]], {"one"}),
        ([["min_ram", "gt", 1], ["min_ram", "lte", 2]], {"two"}),
        ([["protected", "eq", True]], {"one"}),
        ([["protected", "eq", False], ["name", "neq", "two"]], {"three"}),
        ([["updated_at", "gte", "2027-01-15T08:02:00"]], {"three"}),
        ([["updated_at", "gte", "2027-01-15T08:00:30"], ["updated_at", "lt", "2027-01-15T08:01:30"]], {"two"}),
        ([["tag", "eq", "x"]], {"one", "two"}),
        ([["tag", "eq", "x"], ["tag", "eq", "y"]], {"two"}),
        ([["property:os", "eq", "linux"]], {"one", "two"}),
        ([["property:os", "eq", "minix"]], set()),
        ([["property:a.b", "eq", "c"]], {"two"}),
        ([["property:long", "eq", LONG + "x"]], {"one"}),
        ([["property:long", "eq", LONG]], set()),
        ([["property:nope", "eq", "c"]], set()),
        ([["created_at", "gt", "2027-01-15T08:00:30"]], {"two", "three"}),
        ([["created_at", "eq", "2027-01-15T08:01:00"]], {"two"}),
        ([["created_at", "lte", "2027-01-15T09:01:00+01:00"]], {"one", "two"}),
        ([["name", "eq", "' OR 1=1 --"]], set()),
        ([["owner", "eq", "p1"], ["status", "eq", "queued"]], {"one", "two", "three"}),
        ([["owner", "eq", "p2"]], set()),
    ],
)
def test_filters(registry, monkeypatch, wanted, names, few):
    """However many images count as few: it decides how they are looked for, not which are found."""
    monkeypatch.setattr(filters, "FEW", few)
    query = objects.ImageQuery(filters=tuple(map(tuple, wanted)))
    assert sorted(image.name for image in registry.api.image_list(MEMBER, query).images) == sorted(names)


@pytest.mark.parametrize(
    ("triple", "name"),
    [
        (["colour", "eq", "red"], "colour"),
        (["deleted", "eq", True], "deleted"),
        (["name", "like", "a%"], "name"),
        (["name", "eq", 5], "name"),
        (["name", "eq", None], "name"),
        (["name", "eq", "a\0"], "name"),
        (["name", "in", "abc"], "name"),
        (["name", "in", ["a"] * 1001], "name"),
        (["min_ram", "eq", "5"], "min_ram"),
        (["min_ram", "eq", True], "min_ram"),
        (["size", "gte", 2**63], "size"),
        (["protected", "eq", "true"], "protected"),
        (["created_at", "eq", "yesterday"], "created_at"),
        (["created_at", "eq", 5], "created_at"),
        (["tag", "eq", ["x"]], "tag"),
        (["property:x", "eq", 5], "property:x"),
        (["name", "eq"], "filters"),
        ([5, "eq", "x"], "filters"),
    ],
)
def test_bad_filters_are_named(triple, name):
    with pytest.raises(exception.InvalidParameter) as caught:
        filters.checked([triple])
    assert caught.value.kwargs["name"] == name
