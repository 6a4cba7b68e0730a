import pytest

from imagesvc import exception
from imagesvc.registry.ceilings import MIB, Ceiling
from tests.fixtures.registry import make_registry
from tests.fixtures.rpc import make_context

MEMBER = make_context(roles=["member", "reader"], project_id="p1")
OTHER = make_context(roles=["member", "reader"], project_id="p2")
ADMIN = make_context(roles=["admin", "member", "reader"], project_id="p0")
NOBODY = make_context(roles=["admin", "member", "reader"], project_id=None)
MUCH = {"image_size_total": 100 * MIB, "image_count_total": 100, "image_count_uploading": 100}


class Source:
    """Takes Keystone's place: ``limits`` by project."""

    is_remote = True

    def __init__(self):
        self.limits = {}
        self.asked = []
        self.is_away = False
        self.family = None

    def of(self, project_id, *, under_way=False):
        self.asked.append((project_id, under_way))
        if self.is_away and not under_way:
            raise exception.LimitsUnavailable
        if project_id is None:
            return ()
        own = Ceiling(project_id, (project_id,), {**MUCH, **self.limits.get(project_id, {})})
        return (own,) if self.family is None else (self.family, own)


@pytest.fixture
def source():
    return Source()


@pytest.fixture
def registry(tmp_path, source):
    return make_registry(tmp_path / "state", source=source)


def test_so_many_images_and_no_more(registry, source):
    source.limits["p1"] = {"image_count_total": 2}
    first = registry.image(MEMBER)
    registry.image(MEMBER)
    registry.image(OTHER)
    with pytest.raises(exception.ProjectLimitExceeded) as caught:
        registry.image(MEMBER)
    assert caught.value.kwargs == {"name": "image_count_total", "limit": 2, "usage": 2}
    registry.api.image_delete(MEMBER, first)
    registry.image(MEMBER)


def test_the_owner_is_charged_whoever_asks(registry, source):
    source.limits["p1"] = {"image_count_total": 1, "image_size_total": 5}
    image_id = registry.image(ADMIN, owner="p1")
    assert source.asked == [("p0", False), ("p1", False)]
    with pytest.raises(exception.ProjectLimitExceeded):
        registry.image(ADMIN, owner="p1")
    with pytest.raises(exception.StorageQuotaExceeded):
        registry.begin(ADMIN, image_id, size=6)
    registry.begin(ADMIN, image_id, size=5)
    registry.image(ADMIN)


def test_what_is_nobodys_is_not_limited(registry):
    registry.complete(NOBODY, registry.begin(NOBODY, registry.image(NOBODY), size=10).upload_id, 10)


def test_so_many_uploads_at_once_and_no_more(registry, source):
    source.limits["p1"] = {"image_count_uploading": 2}
    grants = [registry.begin(MEMBER, registry.image(MEMBER)) for _ in range(2)]
    waiting = registry.image(MEMBER)
    with pytest.raises(exception.ProjectLimitExceeded, match="image_count_uploading"):
        registry.begin(MEMBER, waiting)
    assert registry.api.image_get(MEMBER, waiting).status == "queued"
    with pytest.raises(exception.ImageNotFound):
        registry.begin(MEMBER, "11111111-1111-4111-8111-111111111111")
    registry.complete(MEMBER, grants[0].upload_id)
    registry.begin(MEMBER, waiting)


def test_room_for_data_ends_with_the_limit(registry, source):
    source.limits["p1"] = {"image_size_total": 10 * MIB}
    grant = registry.begin(MEMBER, registry.image(MEMBER))
    assert grant.max_bytes == 10 * MIB
    registry.api.upload_renew(MEMBER, grant.upload_id, 4 * MIB)
    assert registry.begin(MEMBER, registry.image(MEMBER)).max_bytes == 6 * MIB
    with pytest.raises(exception.StorageQuotaExceeded):
        registry.begin(MEMBER, registry.image(MEMBER), size=6 * MIB + 1)
    # Less than there is already: nothing more fits, and what is there stays.
    source.limits["p1"] = {"image_size_total": 3 * MIB}
    with pytest.raises(exception.StorageQuotaExceeded):
        registry.api.upload_renew(MEMBER, grant.upload_id, 5 * MIB)


def test_a_limit_of_nothing_lets_nothing_in(registry, source):
    source.limits["p1"] = {"image_size_total": 0}
    for size in (None, 1):
        with pytest.raises(exception.StorageQuotaExceeded):
            registry.begin(MEMBER, registry.image(MEMBER), size=size)


def test_a_family_is_limited_together(registry, source):
    source.family = Ceiling("p9", ("p9", "p1", "p2"), {"image_count_total": 3, "image_size_total": 10})
    image_id = registry.image(MEMBER)
    registry.image(OTHER)
    registry.active(OTHER, size=7)
    with pytest.raises(exception.ProjectLimitExceeded):
        registry.image(MEMBER)
    assert registry.begin(MEMBER, image_id).max_bytes == 3


def test_of_all_limits_the_narrowest_holds(registry, source):
    source.family = Ceiling("p9", ("p9", "p1"), {"image_size_total": 10})
    source.limits["p1"] = {"image_size_total": 4}
    image_id = registry.image(MEMBER)
    with pytest.raises(exception.StorageQuotaExceeded) as caught:
        registry.begin(MEMBER, image_id, size=5)
    assert caught.value.kwargs == {"quota": 4, "remaining": 4}
    assert registry.begin(MEMBER, image_id).max_bytes == 4


def test_more_than_the_limit_leaves_no_room(registry, source):
    registry.active(MEMBER, size=5)
    source.limits["p1"] = {"image_size_total": 3}
    with pytest.raises(exception.StorageQuotaExceeded) as caught:
        registry.begin(MEMBER, registry.image(MEMBER), size=1)
    assert caught.value.kwargs == {"quota": 3, "remaining": 0}


def test_nobody_knows(registry, source):
    image_id = registry.image(MEMBER)
    grant = registry.begin(MEMBER, registry.image(MEMBER))
    source.is_away = True
    for call in (
        lambda: registry.image(MEMBER),
        lambda: registry.begin(MEMBER, image_id),
        lambda: registry.api.usage_get(MEMBER),
    ):
        with pytest.raises(exception.LimitsUnavailable):
            call()
    assert registry.api.image_get(MEMBER, image_id).status == "queued"
    # What needs no limit, and what has begun, goes on.
    registry.api.image_patch(MEMBER, image_id, [])
    registry.api.upload_renew(MEMBER, grant.upload_id, 5)
    assert registry.complete(MEMBER, grant.upload_id, 6).status == "active"
    registry.api.image_delete(MEMBER, image_id)


def test_a_sign_of_life_alone_asks_for_no_limit(registry, source):
    grant = registry.begin(MEMBER, registry.image(MEMBER), size=5)
    source.asked.clear()
    registry.api.upload_renew(MEMBER, grant.upload_id, 5)
    assert source.asked == []
