"""What servers make of text that SQLite takes as it is: more bytes a character, case, accents, ends, length."""

import pytest

from imagesvc import exception, objects
from tests.fixtures.registry import make_registry
from tests.fixtures.rpc import make_context

MEMBER = make_context(roles=["member", "reader"], project_id="p1")
SMILE = "\N{GRINNING FACE}"


@pytest.fixture
def registry(on_server, tmp_path):
    with on_server.databases_removed():
        registry = make_registry(tmp_path / "state")
        yield registry
        registry.database.dispose()


@pytest.fixture
def is_mariadb(on_server):
    return on_server.name == "mariadb"


def _patch(registry, image_id, *changes):
    return registry.api.image_patch(MEMBER, image_id, [{"op": "add", **change} for change in changes])


def _remove(registry, image_id, *path):
    return registry.api.image_patch(MEMBER, image_id, [{"op": "remove", "path": list(path)}])


def _stored(registry, image_id):
    image = registry.api.image_get(MEMBER, image_id)
    return image.name, image.properties, set(image.tags)


# -- characters of four bytes, which Glance's tables on MySQL have no room for ---------------------------

WITH_FOUR_BYTES = [
    {"name": SMILE},
    {"properties": {"p": f"a{SMILE}"}},
    {"properties": {SMILE: "v"}},
    {"tags": [SMILE]},
    {"disk_format": SMILE},
]


@pytest.mark.parametrize("fields", WITH_FOUR_BYTES, ids=str)
def test_create_with_four_byte_characters(registry, is_mariadb, fields):
    if is_mariadb:
        with pytest.raises(exception.Invalid, match="character"):
            registry.image(MEMBER, **fields)
        assert registry.rows("SELECT count(*) FROM images") == [(0,)]
    else:
        image = registry.api.image_get(MEMBER, registry.image(MEMBER, **fields))
        for name, value in fields.items():
            assert getattr(image, name) == (tuple(value) if name == "tags" else value)


@pytest.mark.parametrize("path", [["name"], ["p"], [SMILE]], ids=str)
def test_patch_with_four_byte_characters_is_all_or_nothing(registry, is_mariadb, path):
    image_id = registry.image(MEMBER, name="old", properties={"p": "old"})
    changes = ({"path": ["q"], "value": "new"}, {"path": path, "value": SMILE})
    if is_mariadb:
        with pytest.raises(exception.Invalid, match="character"):
            _patch(registry, image_id, *changes)
        assert _stored(registry, image_id) == ("old", {"p": "old"}, set())
    else:
        _patch(registry, image_id, *changes)
        assert _stored(registry, image_id)[1]["q"] == "new"


@pytest.mark.parametrize("name", ["name", "tag", "property:p", f"property:{SMILE}", "owner", "checksum"])
def test_nothing_has_four_byte_characters(registry, is_mariadb, name):
    registry.image(MEMBER, properties={"p": "a"}, tags=["a"])
    query = objects.ImageQuery(filters=((name, "eq", SMILE),))
    if is_mariadb:
        with pytest.raises(exception.Invalid, match="character"):
            registry.api.image_list(MEMBER, query)
    else:
        assert registry.api.image_list(MEMBER, query).images == ()


def test_four_byte_characters_fit_into_our_own_tables(registry):
    image_id = registry.image(MEMBER)
    grant = registry.begin(MEMBER, image_id, store=SMILE, host=SMILE)
    registry.api.upload_abort(MEMBER, grant.upload_id)
    (item,) = registry.api.cleanup_claim(MEMBER, SMILE, [SMILE])
    assert item.store == SMILE


# -- what is one to the database --------------------------------------------------------------------------

ALIKE = [("Foo", "foo"), ("\N{LATIN SMALL LETTER E WITH ACUTE}t", "et"), ("foo ", "foo")]


@pytest.mark.parametrize("names", ALIKE, ids=str)
def test_properties_whose_names_are_alike(registry, is_mariadb, names):
    """One row per image and name is what the schema has room for, so the second is a conflict there, said so."""
    both = dict.fromkeys(names, "v")
    image_id = registry.image(MEMBER, properties={names[0]: "1"})
    if is_mariadb:
        with pytest.raises(exception.PropertyExists):
            registry.image(MEMBER, properties=both)
        with pytest.raises(exception.PropertyExists):
            _patch(registry, image_id, {"path": [names[1]], "value": "2"})
        assert _stored(registry, image_id)[1] == {names[0]: "1"}
    else:
        assert _stored(registry, registry.image(MEMBER, properties=both))[1] == both
        _patch(registry, image_id, {"path": [names[1]], "value": "2"})
        assert _stored(registry, image_id)[1] == {names[0]: "1", names[1]: "2"}


@pytest.mark.parametrize("names", ALIKE, ids=str)
def test_a_name_may_follow_one_that_is_alike(registry, names):
    """The row of the removed property is in the way, so it is taken over, with the new name."""
    image_id = registry.image(MEMBER, properties={names[0]: "1"})
    _remove(registry, image_id, names[0])
    _patch(registry, image_id, {"path": [names[1]], "value": "2"})
    assert _stored(registry, image_id)[1] == {names[1]: "2"}
    _remove(registry, image_id, names[1])
    assert _stored(registry, image_id)[1] == {}


@pytest.mark.parametrize("names", ALIKE, ids=str)
def test_a_filter_by_a_property_means_that_name_alone(registry, names):
    """Or what may not be asked for could be asked for in other letters."""
    registry.image(MEMBER, properties={names[0]: "1"})
    found = [
        registry.api.image_list(MEMBER, objects.ImageQuery(filters=((f"property:{name}", "eq", "1"),))).images
        for name in names
    ]
    assert [len(images) for images in found] == [1, 0]


@pytest.mark.parametrize("tags", ALIKE, ids=str)
def test_tags_that_are_alike_are_kept_apart(registry, tags):
    image_id = registry.image(MEMBER, tags=list(tags))
    assert _stored(registry, image_id)[2] == set(tags)
    _patch(registry, image_id, {"path": ["tags"], "value": [tags[1]]})
    assert _stored(registry, image_id)[2] == {tags[1]}
    _patch(registry, image_id, {"path": ["tags"], "value": [tags[0]]})
    assert _stored(registry, image_id)[2] == {tags[0]}


def test_an_ids_case(registry, is_mariadb):
    """No second image with it, and nothing but the image itself under its other spelling."""
    image_id = "ABCDEF00-0000-4000-8000-000000000000"
    registry.image(MEMBER, id=image_id.lower())
    if is_mariadb:
        with pytest.raises(exception.ImageExists):
            registry.image(MEMBER, id=image_id)
        assert registry.api.image_get(MEMBER, image_id).id == image_id.lower()
    else:
        with pytest.raises(exception.ImageNotFound):
            registry.api.image_get(MEMBER, image_id)


# -- length, and what is no text ------------------------------------------------------------------------


def test_the_longest_values(registry):
    longest = {"name": "n" * 255, "properties": {"p" * 255: "v" * 65_535}, "tags": ["t" * 255]}
    image_id = registry.image(MEMBER, **longest)
    assert _stored(registry, image_id) == (longest["name"], longest["properties"], set(longest["tags"]))
    _patch(registry, image_id, {"path": ["p" * 255], "value": "\N{EURO SIGN}" * 21_845})
    (found,) = registry.api.image_list(
        MEMBER, objects.ImageQuery(filters=((f"property:{'p' * 255}", "eq", "\N{EURO SIGN}" * 21_845),))
    ).images
    assert found.id == image_id


@pytest.mark.parametrize(
    "fields",
    [{"name": "n" * 256}, {"tags": ["t" * 256]}, {"properties": {"p" * 256: "v"}}, {"properties": {"p": "v" * 65_536}}],
    ids=lambda fields: next(iter(fields)),
)
def test_longer_values_are_bad_input(registry, fields):
    with pytest.raises(exception.InvalidParameter):
        registry.image(MEMBER, **fields)


@pytest.mark.parametrize(
    "image_id", ["", "a\0b", "\ud800", SMILE, "x" * 37, "x" * 5000, "' OR 1=1 --", "%", "a\\"], ids=repr
)
def test_no_id(registry, image_id):
    registry.image(MEMBER)
    with pytest.raises((exception.ImageNotFound, exception.Invalid)):
        registry.api.image_get(MEMBER, image_id)
    with pytest.raises((exception.ImageNotFound, exception.Invalid)):
        registry.begin(MEMBER, image_id)
    with pytest.raises((exception.ImageNotFound, exception.Invalid)):
        registry.api.image_delete(MEMBER, image_id)
    with pytest.raises(exception.Invalid):
        registry.api.image_list(MEMBER, objects.ImageQuery(marker=image_id))


@pytest.mark.parametrize(
    "wanted",
    [
        ("id", "in", ["x" * 5000, ""]),
        ("min_ram", "eq", 2**63 - 1),
        ("size", "gt", -(2**63) + 1),
        ("created_at", "gt", "0001-01-01T00:00:00"),
        ("created_at", "lt", "9999-12-31T23:59:59.999999"),
        ("name", "gt", ""),
        ("name", "eq", "\\"),
        ("property:a'b\"c", "eq", "%s %(x)s :y"),
        ("tag", "eq", "x" * 5000),
    ],
    ids=str,
)
def test_odd_filters(registry, wanted):
    registry.api.image_list(MEMBER, objects.ImageQuery(filters=(wanted,)))
