"""Custom properties that are not everybody's, in all calls that show or change images."""

import pytest

from imagesvc import exception, objects
from tests.fixtures.registry import make_registry
from tests.fixtures.rpc import make_context

MEMBER = make_context(roles=["member", "reader"], project_id="p1")
SERVICE = make_context(roles=["member", "reader"], project_id="p1", service_roles=["billing"])
ADMIN = make_context(roles=["admin", "member", "reader"], project_id="p0")

_FILE = """
[^x_secret]
create = admin
read = admin
update = admin
delete = admin
[^x_drop]
create = @
read = admin
update = admin
delete = @
[^x_set]
create = admin
read = admin
update = @
delete = @
[^x_fixed]
create = admin, billing
read = @
update = admin, billing
delete = admin
[^x_]
create = @
read = @
update = @
delete = @
"""
HIDDEN = {"x_secret": "s", "x_drop": "d", "x_set": "n"}
SEEN = {"x_fixed": "f", "x_own": "o"}


@pytest.fixture
def registry(tmp_path):
    path = tmp_path / "protections.conf"
    path.write_text(_FILE)
    return make_registry(tmp_path / "state", property_protection_file=str(path), image_property_quota=6)


@pytest.fixture
def image_id(registry):
    return registry.image(ADMIN, owner="p1", properties={**HIDDEN, **SEEN})


def _all(registry, image_id):
    return dict(registry.api.image_get(ADMIN, image_id).properties)


def _query(**filters):
    triples = tuple((f"property:{name}", "eq", value) for name, value in filters.items())
    return objects.ImageQuery(filters=triples)


def _listed(registry, context, **filters):
    return [dict(image.properties) for image in registry.api.image_list(context, _query(**filters)).images]


def _change(op, name, value="new", **more):
    return {"op": op, "path": [name], **({} if op == "remove" else {"value": value}), **more}


def test_what_may_not_be_read_is_hidden(registry, image_id):
    assert registry.api.image_get(MEMBER, image_id).properties == SEEN
    assert _listed(registry, MEMBER) == [SEEN]
    assert registry.api.image_patch(MEMBER, image_id, [_change("replace", "name", "n")]).properties == SEEN
    assert registry.api.image_patch(MEMBER, image_id, []).properties == SEEN
    upload_id = registry.begin(MEMBER, image_id).upload_id
    assert registry.complete(MEMBER, upload_id).properties == SEEN
    assert _all(registry, image_id) == {**HIDDEN, **SEEN}


def test_filters_do_not_tell_what_may_not_be_read(registry, image_id):
    assert _listed(registry, MEMBER, x_secret="s") == _listed(registry, MEMBER, x_own="o", x_secret="s") == []
    assert _listed(registry, MEMBER, unmatched="1") == []
    assert _listed(registry, MEMBER, x_own="o") == [SEEN]
    assert len(_listed(registry, make_context(roles=["admin", "member"], project_id="p1"), x_secret="s")) == 1


def test_tests_in_patches_do_not_tell_what_may_not_be_read(registry, image_id):
    for value in ("s", "another"):
        with pytest.raises(exception.PatchTestFailed):
            registry.api.image_patch(MEMBER, image_id, [_change("test", "x_secret", value)])


def test_refusals_do_not_tell_what_may_not_be_read(registry, image_id):
    texts = set()
    for name in ("x_secret", "x_secret2"):
        with pytest.raises(exception.PropertyProtected) as caught:
            registry.api.image_patch(MEMBER, image_id, [_change("add", name)])
        texts.add(caught.value.msg.replace(name, ""))
    assert len(texts) == 1


def test_create(registry):
    created = registry.image(MEMBER, properties={"x_own": "1", "x_drop": "2"})
    assert registry.api.image_get(MEMBER, created).properties == {"x_own": "1"}
    for name in ("x_secret", "x_fixed", "unmatched"):
        with pytest.raises(exception.PropertyProtected, match=f"create property '{name}'"):
            registry.image(MEMBER, properties={"x_own": "1", name: "1"})
    assert registry.image(SERVICE, properties={"x_fixed": "1"})


def test_changes_that_are_refused_change_nothing(registry, image_id):
    for op, name, error in (
        ("replace", "x_fixed", exception.PropertyProtected),
        ("add", "x_fixed", exception.PropertyProtected),
        ("remove", "x_fixed", exception.PropertyProtected),
        ("add", "x_fixed2", exception.PropertyProtected),
        # What may not be read is not there; to write over it is to update it.
        ("replace", "x_secret", exception.PropertyMissing),
        ("remove", "x_secret", exception.PropertyMissing),
        ("add", "x_secret", exception.PropertyProtected),
        ("replace", "x_drop", exception.PropertyMissing),
        ("remove", "x_drop", exception.PropertyMissing),
        ("add", "x_drop", exception.PropertyProtected),
        ("replace", "x_set", exception.PropertyMissing),
        ("add", "x_set2", exception.PropertyProtected),
        ("add", "unmatched", exception.PropertyProtected),
    ):
        with pytest.raises(error):
            registry.api.image_patch(MEMBER, image_id, [_change("replace", "x_own"), _change(op, name)])
        assert _all(registry, image_id) == {**HIDDEN, **SEEN}, (op, name)


def test_the_same_value_is_a_change_too(registry, image_id):
    with pytest.raises(exception.PropertyProtected):
        registry.api.image_patch(MEMBER, image_id, [_change("replace", "x_fixed", "f")])


def test_changes_that_are_allowed_keep_what_is_hidden(registry, image_id):
    changes = [_change("replace", "x_own"), _change("add", "x_drop2"), _change("add", "x_set")]
    assert registry.api.image_patch(MEMBER, image_id, changes).properties == {"x_fixed": "f", "x_own": "new"}
    assert _all(registry, image_id) == {**HIDDEN, **SEEN, "x_own": "new", "x_drop2": "new", "x_set": "new"}
    registry.api.image_patch(SERVICE, image_id, [_change("replace", "x_fixed")])
    assert _all(registry, image_id)["x_fixed"] == "new"
    registry.api.tag_add(MEMBER, image_id, "tag")
    assert len(_all(registry, image_id)) == 6


def test_what_one_writes_over_unseen_can_be_removed(registry, image_id):
    registry.api.image_patch(MEMBER, image_id, [_change("add", "x_set"), _change("remove", "x_set")])
    assert "x_set" not in _all(registry, image_id)


def test_hidden_properties_count_against_the_quota(registry, image_id):
    registry.api.image_patch(MEMBER, image_id, [_change("add", "x_1")])
    with pytest.raises(exception.PropertyQuotaExceeded):
        registry.api.image_patch(MEMBER, image_id, [_change("add", "x_2")])


def test_an_upload_is_begun_with_all_properties(registry, image_id):
    assert registry.begin(MEMBER, image_id).image.properties == {**HIDDEN, **SEEN}


def test_a_wrong_file_stops_the_start(tmp_path):
    path = tmp_path / "protections.conf"
    path.write_text("[x]\ncreate = @\n")
    with pytest.raises(exception.ConfigurationError, match=r"protections\.conf, line 1"):
        make_registry(tmp_path / "state", property_protection_file=str(path))
