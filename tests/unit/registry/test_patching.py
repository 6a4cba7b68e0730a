import pytest

from imagesvc import exception
from imagesvc.registry import patching


def _image(status="active", properties=None, tags=(), **columns):
    return {
        "id": "i",
        "version": 3,
        "status": status,
        "properties": dict(properties or {}),
        "tags": list(tags),
        **columns,
    }


def _op(op, name, value=None, strict=False):
    change = {"op": op, "path": [name], "strict": strict}
    return change if op == "remove" else {**change, "value": value}


def test_nothing_changes_nothing():
    draft = patching.apply(_image(properties={"a": "1"}, tags=["t"]), [])
    assert (draft.columns, draft.properties, draft.tags) == ({}, {"a": "1"}, ["t"])


def test_operations_apply_in_order():
    draft = patching.apply(
        _image(properties={"a": "1"}),
        [_op("remove", "a"), _op("add", "a", "2"), _op("replace", "a", "3"), _op("add", "b", "x"), _op("remove", "b")],
    )
    assert draft.properties == {"a": "3"}


def test_the_image_itself_is_left_alone():
    image = _image(properties={"a": "1"}, tags=["t"])
    patching.apply(image, [_op("remove", "a"), _op("replace", "tags", ["u"])])
    assert image == _image(properties={"a": "1"}, tags=["t"])


def test_attributes_are_set():
    draft = patching.apply(
        _image(), [_op("replace", "name", "n"), _op("add", "min_ram", 5), _op("replace", "owner", None)]
    )
    assert draft.columns == {"name": "n", "min_ram": 5, "owner": None}


def test_tags_are_replaced():
    assert patching.apply(_image(tags=["a"]), [_op("replace", "tags", ["b", "b"])]).tags == ["b"]


@pytest.mark.parametrize(
    ("change", "error", "name"),
    [
        (_op("replace", "nope", "x"), exception.PropertyMissing, "nope"),
        (_op("remove", "nope"), exception.PropertyMissing, "nope"),
        (_op("add", "there", "x", strict=True), exception.PropertyExists, "there"),
        (_op("add", "name", "x", strict=True), exception.PropertyExists, "name"),
        (_op("add", "tags", [], strict=True), exception.PropertyExists, "tags"),
        (_op("remove", "name"), exception.BasePropertyRemoval, "name"),
        (_op("remove", "tags"), exception.BasePropertyRemoval, "tags"),
        (_op("replace", "status", "active"), exception.ReadOnlyProperty, "status"),
        (_op("replace", "id", "x"), exception.ReadOnlyProperty, "id"),
        (_op("remove", "checksum"), exception.ReadOnlyProperty, "checksum"),
        (_op("add", "os_glance_stage_host", "x"), exception.ReservedProperty, "os_glance_stage_host"),
        (_op("add", "location", "x"), exception.ReservedProperty, "location"),
        (_op("add", "deleted", True), exception.ReservedProperty, "deleted"),
        (_op("replace", "disk_format", "raw"), exception.FormatLocked, "disk_format"),
        (_op("replace", "container_format", "bare"), exception.FormatLocked, "container_format"),
        (_op("replace", "min_disk", "5"), exception.InvalidParameter, "min_disk"),
        (_op("add", "there", 5), exception.InvalidParameter, "there"),
        (_op("replace", "tags", "abc"), exception.InvalidParameter, "tags"),
    ],
)
def test_refusals_name_the_field(change, error, name):
    with pytest.raises(error) as caught:
        patching.apply(_image(properties={"there": "1"}), [change])
    assert caught.value.kwargs["name"] == name


def test_adding_what_exists_overwrites_unless_strict():
    assert patching.apply(_image(properties={"a": "1"}), [_op("add", "a", "2")]).properties == {"a": "2"}


@pytest.mark.parametrize("status", ["queued", "importing"])
def test_formats_are_open_before_there_is_data(status):
    assert patching.apply(_image(status), [_op("replace", "disk_format", "raw")]).columns == {"disk_format": "raw"}


@pytest.mark.parametrize(
    "change",
    [
        None,
        "remove",
        {},
        {"op": "test", "path": ["there"]},
        {"op": "test", "path": [], "value": 1},
        {"op": "test", "path": ["there", "deeper"], "value": 1},
        {"op": "test", "path": [["there"]], "value": 1},
        {"op": "match"},
        {"op": "match", "versions": 3},
        {"op": "move", "path": ["a"], "from": "/b"},
        {"op": ["add"], "path": ["a"], "value": "1"},
        {"op": "remove"},
        {"op": "remove", "path": []},
        {"op": "remove", "path": "/a"},
        {"op": "remove", "path": ["there", "deeper"]},
        {"op": "add", "path": ["a"]},
    ],
)
def test_malformed_changes(change):
    with pytest.raises(exception.InvalidPatch):
        patching.apply(_image(properties={"there": "1"}), [change])


# -- operations that only look -----------------------------------------------------------------------

LOOKED_AT = _image(properties={"a": "1", "none": None}, tags=["x", "y"], name="n", size=None, protected=True, min_ram=1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("a", "1"),
        ("none", ""),
        ("name", "n"),
        ("size", None),
        ("status", "active"),
        ("protected", True),
        ("min_ram", 1),
        ("tags", ["y", "x"]),
    ],
)
def test_a_test_that_succeeds_changes_nothing(name, value):
    draft = patching.apply(LOOKED_AT, [_op("test", name, value)])
    assert (draft.is_changed, draft.columns, draft.properties, draft.tags) == (
        False,
        {},
        LOOKED_AT["properties"],
        ["x", "y"],
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("a", "2"),
        ("a", None),
        ("none", None),
        ("nope", None),
        ("nope", ""),
        ("name", None),
        ("size", 0),
        ("protected", 1),
        ("min_ram", True),
        ("min_ram", "1"),
        ("tags", ["x"]),
        ("tags", "xy"),
        ("tags", ["x", "x", "y"]),
        ("tags", [1]),
    ],
)
def test_a_test_that_fails_names_the_field(name, value):
    with pytest.raises(exception.PatchTestFailed) as caught:
        patching.apply(LOOKED_AT, [_op("test", name, value)])
    assert caught.value.kwargs == {"name": name}


def test_a_test_sees_the_operations_before_it():
    changes = [_op("replace", "name", "m"), _op("test", "name", "m"), _op("add", "b", "2"), _op("test", "b", "2")]
    assert patching.apply(LOOKED_AT, changes).is_changed
    with pytest.raises(exception.PatchTestFailed):
        patching.apply(LOOKED_AT, [_op("remove", "a"), _op("test", "a", "1")])


def test_the_version_matches_or_nothing_happens():
    assert not patching.apply(LOOKED_AT, [{"op": "match", "versions": [2, 3]}]).is_changed
    for versions in ([], [2], ["3"]):
        with pytest.raises(exception.VersionMismatch):
            patching.apply(LOOKED_AT, [{"op": "match", "versions": versions}, _op("replace", "name", "m")])
