"""PATCH of ``owner`` where there are limits."""

import uuid

import pytest

from imagesvc import exception
from imagesvc.registry import states
from imagesvc.registry.ceilings import MIB, Ceiling
from imagesvc.registry.db import quotas
from tests.fixtures.registry import in_transaction, make_registry
from tests.fixtures.rpc import make_context

MEMBER = make_context(roles=["member", "reader"], project_id="p1")
ADMIN = make_context(roles=["admin", "member", "reader"], project_id="p0")
MUCH = {"image_size_total": 100 * MIB, "image_count_total": 100, "image_count_uploading": 100}


class Source:
    """Takes Keystone's place: ``limits`` by project."""

    is_remote = True

    def __init__(self):
        self.limits = {}
        self.family = ()
        self.asked = []

    def of(self, project_id, *, under_way=False):
        self.asked.append(project_id)
        if project_id is None:
            return ()
        return (*self.family, Ceiling(project_id, (project_id,), {**MUCH, **self.limits.get(project_id, {})}))


@pytest.fixture
def source():
    return Source()


@pytest.fixture
def registry(tmp_path, source):
    return make_registry(tmp_path / "state", source=source)


def _give(registry, image_id, owner, op="replace", **more):
    changes = [{"op": op, "path": ["owner"], "value": owner, **more}]
    return registry.api.image_patch(ADMIN, image_id, changes)


def _used(registry, project_id):
    return in_transaction(registry, quotas.used, (project_id,), states.UNLISTED)


@pytest.mark.parametrize("op", ["add", "replace"])
def test_one_image_more_than_the_new_owner_may_have(registry, source, op):
    source.limits["p2"] = {"image_count_total": 1}
    first, second = registry.image(MEMBER), registry.image(MEMBER)
    _give(registry, first, "p2", op)
    with pytest.raises(exception.ProjectLimitExceeded) as caught:
        _give(registry, second, "p2", op)
    assert caught.value.kwargs == {"name": "image_count_total", "limit": 1, "usage": 1}
    assert registry.api.image_get(ADMIN, second).owner == "p1"


def test_more_bytes_than_the_new_owner_may_have(registry, source):
    source.limits["p2"] = {"image_size_total": 15}
    first, second = registry.active(MEMBER, size=10), registry.active(MEMBER, size=10)
    _give(registry, first, "p2")
    with pytest.raises(exception.StorageQuotaExceeded) as caught:
        _give(registry, second, "p2")
    assert caught.value.kwargs == {"quota": 15, "remaining": 5}
    assert (_used(registry, "p1"), _used(registry, "p2")) == (10, 10)


def test_an_upload_under_way_goes_with_its_image(registry, source):
    source.limits["p2"] = {"image_size_total": 15}
    first, second = registry.image(MEMBER), registry.image(MEMBER)
    upload_id = registry.begin(MEMBER, first, size=10).upload_id
    registry.begin(MEMBER, second, size=10)
    _give(registry, first, "p2")
    assert (_used(registry, "p1"), _used(registry, "p2")) == (10, 10)
    with pytest.raises(exception.StorageQuotaExceeded):
        _give(registry, second, "p2")
    with pytest.raises(exception.StorageQuotaExceeded):
        registry.api.upload_renew(MEMBER, upload_id, 16)
    registry.complete(ADMIN, upload_id, 15)
    assert (_used(registry, "p1"), _used(registry, "p2")) == (10, 15)


def test_a_location_that_is_looked_at_goes_with_its_image(registry, source):
    source.limits["p2"] = {"image_size_total": 15}
    image_id = registry.image(MEMBER)
    place = {"url": "http://web/a", "store": "web", "os_hash_algo": None, "os_hash_value": None, "fault": None}
    job = registry.api.location_add(MEMBER, image_id, place, str(uuid.uuid4()), "worker-1")
    _give(registry, image_id, "p2")
    with pytest.raises(exception.StorageQuotaExceeded):
        registry.api.location_activate(MEMBER, job.job_id, "worker-1", 16, None)
    registry.api.location_activate(MEMBER, job.job_id, "worker-1", 15, None)
    assert (_used(registry, "p1"), _used(registry, "p2")) == (0, 15)


def test_one_upload_more_than_the_new_owner_may_have(registry, source):
    source.limits["p2"] = {"image_count_uploading": 0}
    image_id = registry.image(MEMBER)
    registry.begin(MEMBER, image_id, size=1)
    with pytest.raises(exception.ProjectLimitExceeded):
        _give(registry, image_id, "p2")


def test_an_image_without_an_upload_is_none_of_his_uploads(registry, source):
    source.limits["p2"] = {"image_count_uploading": 0}
    assert _give(registry, registry.image(MEMBER), "p2").owner == "p2"


def test_who_is_limited_together_counts_it_already(registry, source):
    source.family = (Ceiling("family", ("p1", "p2"), {"image_count_total": 1, "image_size_total": 10}),)
    image_id = registry.active(MEMBER, size=10)
    assert _give(registry, image_id, "p2").owner == "p2"


def test_nothing_is_asked_for_what_stays(registry, source):
    source.limits["p1"] = {"image_count_total": 1, "image_size_total": 10}
    image_id = registry.active(MEMBER, size=10)
    assert _give(registry, image_id, "p1").owner == "p1"
    source.asked.clear()
    registry.api.image_patch(MEMBER, image_id, [{"op": "replace", "path": ["name"], "value": "a"}])
    assert source.asked == []


def test_what_becomes_nobodys_is_not_limited(registry):
    assert _give(registry, registry.active(MEMBER, size=10), None).owner is None


def test_only_administrators_ask_for_limits_of_others(registry, source):
    image_id = registry.image(MEMBER)
    source.asked.clear()
    with pytest.raises(exception.Forbidden):
        registry.api.image_patch(MEMBER, image_id, [{"op": "replace", "path": ["owner"], "value": "p2"}])
    assert source.asked == []


@pytest.mark.parametrize("owner", [5, ["p2"], "x" * 256])
def test_an_owner_that_cannot_be(registry, owner):
    with pytest.raises(exception.InvalidParameter, match="owner"):
        _give(registry, registry.image(MEMBER), owner)


def test_the_quota_that_is_the_same_for_all(tmp_path):
    registry = make_registry(tmp_path / "state", user_storage_quota="15B")
    first, second = registry.active(MEMBER, size=7), registry.active(MEMBER, size=8)
    other = registry.active(ADMIN, size=8)
    _give(registry, first, "p0")
    with pytest.raises(exception.StorageQuotaExceeded):
        _give(registry, second, "p0")
    assert registry.api.image_get(ADMIN, other).owner == "p0"
