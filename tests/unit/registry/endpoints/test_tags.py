import pytest

from imagesvc import exception
from tests.fixtures.registry import make_registry
from tests.fixtures.rpc import make_context

OWNER = make_context(roles=["member", "reader"], project_id="p1")
READER = make_context(roles=["reader"], project_id="p1")
STRANGER = make_context(roles=["member", "reader"], project_id="p3")
ADMIN = make_context(roles=["admin", "member", "reader"], project_id="p0")


@pytest.fixture
def registry(tmp_path):
    return make_registry(tmp_path / "state", image_tag_quota=3)


def _tags(registry, image_id):
    return sorted(registry.api.image_get(OWNER, image_id).tags)


def test_add_and_delete(registry):
    image_id = registry.image(OWNER, tags=["b"])
    registry.api.tag_add(OWNER, image_id, "Bär / 5")
    registry.clock.sleep(10)
    registry.api.tag_add(ADMIN, image_id, "Bär / 5")
    image = registry.api.image_get(OWNER, image_id)
    assert sorted(image.tags) == ["Bär / 5", "b"]
    # What is there already is no change.
    assert (image.version, image.updated_at) == (1, "2027-01-15T08:00:00")
    registry.api.tag_delete(OWNER, image_id, "b")
    assert _tags(registry, image_id) == ["Bär / 5"]
    assert registry.api.image_get(OWNER, image_id).updated_at == "2027-01-15T08:00:10"


def test_tags_differ_by_case(registry):
    image_id = registry.image(OWNER, tags=["Web"])
    with pytest.raises(exception.TagNotFound):
        registry.api.tag_delete(OWNER, image_id, "web")
    registry.api.tag_add(OWNER, image_id, "web")
    registry.api.tag_delete(OWNER, image_id, "Web")
    assert _tags(registry, image_id) == ["web"]


@pytest.mark.parametrize("tag", ["t" * 256, "a\0b", 5, None, ["a"]])
def test_what_is_no_tag_is_refused_by_name(registry, tag):
    image_id = registry.image(OWNER)
    with pytest.raises(exception.InvalidParameter) as caught:
        registry.api.tag_add(OWNER, image_id, tag)
    assert caught.value.kwargs["name"] == "tags"
    with pytest.raises(exception.TagNotFound):
        registry.api.tag_delete(OWNER, image_id, tag)


def test_quota(registry):
    image_id = registry.image(OWNER, tags=["a", "b", "c"])
    with pytest.raises(exception.TagQuotaExceeded):
        registry.api.tag_add(OWNER, image_id, "d")
    registry.api.tag_add(OWNER, image_id, "a")
    registry.api.tag_delete(OWNER, image_id, "a")
    registry.api.tag_add(OWNER, image_id, "d")
    assert _tags(registry, image_id) == ["b", "c", "d"]


def test_who_may(registry):
    image_id = registry.image(ADMIN, owner="p1", visibility="public", tags=["t"])
    for context in (READER, STRANGER):
        for change in (registry.api.tag_add, registry.api.tag_delete):
            with pytest.raises(exception.Forbidden):
                change(context, image_id, "t")
    private = registry.image(OWNER, tags=["t"])
    for change in (registry.api.tag_add, registry.api.tag_delete):
        with pytest.raises(exception.ImageNotFound):
            change(STRANGER, private, "t")
    assert _tags(registry, image_id) == _tags(registry, private) == ["t"]
