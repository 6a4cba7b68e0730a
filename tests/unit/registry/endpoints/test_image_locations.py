"""Locations changed by image_patch: who may, how many, and that it is one change."""

import pytest

from imagesvc import exception
from tests.fixtures.registry import make_registry
from tests.fixtures.rpc import make_context

MEMBER = make_context(roles=["member", "reader"], project_id="p1")
READER = make_context(roles=["reader"], project_id="p1")
OTHER = make_context(roles=["member", "reader"], project_id="p2")
ADMIN = make_context(roles=["admin", "member", "reader"], project_id="p0")


@pytest.fixture
def registry(tmp_path):
    return make_registry(tmp_path / "state", image_location_quota=3)


def _add(name, size=4, **more):
    value = {"url": f"http://web/{name}", "metadata": {}, "size": size, **more}
    return {"op": "add", "path": ["locations", "-"], "value": value, "algorithm": "sha512"}


REMOVE = {"op": "remove", "path": ["locations", "0"]}


def _located(registry, *names):
    image_id = registry.image(MEMBER)
    registry.api.image_patch(MEMBER, image_id, [_add(name) for name in names])
    return image_id


def _urls(image):
    return [location.url for location in image.locations]


def test_a_location_makes_an_image_active(registry):
    image_id = registry.image(MEMBER)
    image = registry.api.image_patch(MEMBER, image_id, [_add("a"), _add("b")])
    assert (image.status, image.size, image.version) == ("active", 4, 1)
    assert _urls(image) == ["http://web/a", "http://web/b"]
    assert registry.api.image_get(MEMBER, image_id) == image
    assert registry.api.image_get_for_download(MEMBER, image_id).locations == image.locations


def test_a_refused_change_changes_nothing(registry):
    image_id = registry.image(MEMBER)
    before = registry.api.image_get(MEMBER, image_id)
    with pytest.raises(exception.LocationExists):
        registry.api.image_patch(MEMBER, image_id, [{"op": "add", "path": ["x"], "value": "y"}, _add("a"), _add("a")])
    assert registry.api.image_get(MEMBER, image_id) == before
    assert registry.rows("SELECT * FROM image_locations") == []


def test_who_may_change_locations(registry):
    image_id = _located(registry, "a", "b")
    registry.api.image_patch(MEMBER, image_id, [{"op": "replace", "path": ["visibility"], "value": "community"}])
    for context, change in ((OTHER, _add("c")), (READER, _add("c")), (MEMBER, REMOVE), (OTHER, REMOVE)):
        with pytest.raises(exception.Forbidden):
            registry.api.image_patch(context, image_id, [change])
    assert _urls(registry.api.image_patch(ADMIN, image_id, [REMOVE])) == ["http://web/b"]


def test_what_is_removed_is_the_janitors(registry):
    registry.api.image_patch(ADMIN, _located(registry, "a", "b"), [REMOVE])
    [item] = registry.api.cleanup_claim(ADMIN, "host-1", [])
    assert (item.kind, item.url) == ("location", "http://web/a")


def test_the_quota_of_locations(registry):
    image_id = _located(registry, "a", "b", "c")
    with pytest.raises(exception.LocationQuotaExceeded) as caught:
        registry.api.image_patch(MEMBER, image_id, [_add("d")])
    assert caught.value.kwargs == {"attempted": 4, "maximum": 3}


def test_each_location_counts_as_much_as_the_data(tmp_path):
    registry = make_registry(tmp_path, user_storage_quota="10B", image_size_cap=8)
    image_id = _located(registry, "a")
    with pytest.raises(exception.StorageQuotaExceeded) as caught:
        registry.api.image_patch(MEMBER, image_id, [_add("b"), _add("c")])
    assert caught.value.kwargs == {"quota": 10, "remaining": 6}
    registry.api.image_patch(MEMBER, image_id, [_add("b")])
    with pytest.raises(exception.StorageQuotaExceeded):
        registry.begin(MEMBER, registry.image(MEMBER), size=3)
    with pytest.raises(exception.ImageSizeExceeded):
        registry.api.image_patch(OTHER, registry.image(OTHER), [_add("b", size=9)])
    # An image that is over the quota may still be changed.
    registry.put("UPDATE images SET size = 100")
    registry.api.image_patch(ADMIN, image_id, [REMOVE])


@pytest.mark.parametrize("first", ["upload", "location"])
def test_data_comes_by_upload_or_by_location_and_not_by_both(registry, first):
    image_id = registry.image(MEMBER)
    if first == "upload":
        registry.begin(MEMBER, image_id)
        with pytest.raises(exception.LocationStatusForbids):
            registry.api.image_patch(MEMBER, image_id, [_add("a")])
    else:
        registry.api.image_patch(MEMBER, image_id, [_add("a")])
        with pytest.raises(exception.InvalidStatusTransition):
            registry.begin(MEMBER, image_id)
