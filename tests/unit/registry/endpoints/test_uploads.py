import uuid

import pytest

from imagesvc import exception, objects
from tests.fixtures.registry import make_registry
from tests.fixtures.rpc import make_context

MEMBER = make_context(roles=["member", "reader"], project_id="p1")
OTHER = make_context(roles=["member", "reader"], project_id="p2")
READER = make_context(roles=["reader"], project_id="p1")
ADMIN = make_context(roles=["admin"], project_id="p0")
LEASE = 30
MIB = 2**20


@pytest.fixture
def registry(tmp_path):
    return make_registry(tmp_path / "state", image_size_cap=100 * MIB)


@pytest.fixture
def quota(tmp_path):
    """A registry where a project may store 10 MiB."""
    return make_registry(tmp_path / "quota", user_storage_quota="10MB")


def _status(registry, image_id):
    return registry.api.image_get(ADMIN, image_id).status


# -- begin -------------------------------------------------------------------------------------------


def test_begin_gives_leave(registry):
    image_id = registry.image(MEMBER)
    grant = registry.begin(MEMBER, image_id, upload_id="u1", size=5)
    assert (grant.upload_id, grant.max_bytes, grant.lease_seconds) == ("u1", 100 * MIB, LEASE)
    assert grant.image == registry.api.image_get(MEMBER, image_id)
    assert (grant.image.status, grant.image.version) == ("saving", 1)


@pytest.mark.parametrize("missing", ["disk_format", "container_format"])
def test_formats_must_be_set(registry, missing):
    image_id = registry.image(MEMBER, **{missing: None})
    with pytest.raises(exception.FormatsNotSet) as caught:
        registry.begin(MEMBER, image_id)
    assert caught.value.kwargs == {"missing": missing}
    assert _status(registry, image_id) == "queued"


@pytest.mark.parametrize("status", ["saving", "uploading", "importing", "active", "killed", "deactivated"])
def test_only_queued_images_are_uploaded_to(registry, status):
    image_id = registry.image(MEMBER)
    registry.put("UPDATE images SET status = :status", status=status)
    with pytest.raises(exception.InvalidStatusTransition) as caught:
        registry.begin(MEMBER, image_id)
    assert caught.value.kwargs == {"current": status, "wanted": "saving"}


def test_who_may_begin(registry):
    image_id = registry.image(ADMIN, owner="p1", visibility="public")
    for context in (OTHER, READER):
        with pytest.raises(exception.Forbidden):
            registry.begin(context, image_id)
    with pytest.raises(exception.ImageNotFound):
        registry.begin(OTHER, registry.image(MEMBER))
    with pytest.raises(exception.ImageNotFound):
        registry.begin(ADMIN, str(uuid.uuid4()))
    registry.begin(ADMIN, image_id)


def test_size_cap_at_begin(registry):
    image_id = registry.image(MEMBER)
    with pytest.raises(exception.ImageSizeExceeded):
        registry.begin(MEMBER, image_id, size=100 * MIB + 1)
    registry.begin(MEMBER, image_id, size=100 * MIB)


def test_an_uploads_id_is_used_once(registry):
    registry.begin(MEMBER, registry.image(MEMBER), upload_id="u1")
    with pytest.raises(exception.Conflict):
        registry.begin(MEMBER, registry.image(MEMBER), upload_id="u1")


@pytest.mark.parametrize(
    ("name", "value"), [("size", -1), ("size", "5"), ("host", None), ("worker", "x" * 256), ("upload_id", "x" * 37)]
)
def test_bad_arguments_change_nothing(registry, name, value):
    image_id = registry.image(MEMBER)
    with pytest.raises(exception.InvalidParameter) as caught:
        registry.begin(MEMBER, image_id, **{name: value})
    assert caught.value.kwargs["name"] == name
    assert _status(registry, image_id) == "queued"


# -- complete ----------------------------------------------------------------------------------------


def test_complete_makes_the_image_active(registry):
    image_id = registry.image(MEMBER)
    grant = registry.begin(MEMBER, image_id)
    blob = objects.StoredBlob("file:///x", 5, "c" * 32, "d" * 128, {"extra": "1"})
    image = registry.api.upload_complete(MEMBER, grant.upload_id, blob, "sha256", 50)
    assert image == registry.api.image_get(MEMBER, image_id)
    assert (image.status, image.size, image.virtual_size, image.version) == ("active", 5, 50, 2)
    assert (image.checksum, image.os_hash_algo, image.os_hash_value) == ("c" * 32, "sha256", "d" * 128)
    (location,) = image.locations
    assert (location.url, location.metadata, location.status) == (
        "file:///x",
        {"extra": "1"},
        "active",
    )


def test_an_image_may_be_empty(registry):
    image_id = registry.active(MEMBER, size=0)
    image = registry.api.image_get(MEMBER, image_id)
    assert (image.status, image.size) == ("active", 0)


def test_an_upload_completes_once(registry):
    grant = registry.begin(MEMBER, registry.image(MEMBER))
    registry.complete(MEMBER, grant.upload_id)
    with pytest.raises(exception.UploadFenced):
        registry.complete(MEMBER, grant.upload_id)


def test_nobody_knows_this_upload(registry):
    for call in (registry.complete, lambda *args: registry.api.upload_renew(*args, 1)):
        with pytest.raises(exception.UploadFenced):
            call(MEMBER, str(uuid.uuid4()))


def test_size_cap_at_complete(registry):
    grant = registry.begin(MEMBER, registry.image(MEMBER))
    with pytest.raises(exception.ImageSizeExceeded):
        registry.complete(MEMBER, grant.upload_id, 100 * MIB + 1)


@pytest.mark.parametrize("cleaned", [False, True])
def test_deleting_the_image_fences_its_upload(registry, cleaned):
    image_id = registry.image(MEMBER)
    grant = registry.begin(MEMBER, image_id)
    registry.api.image_delete(MEMBER, image_id)
    if cleaned:
        registry.api.cleanup_done(ADMIN, [objects.CleanupItem("upload", grant.upload_id, image_id)])
    with pytest.raises(exception.ImageGone):
        registry.api.upload_renew(MEMBER, grant.upload_id, 5)
    with pytest.raises(exception.ImageGone):
        registry.complete(MEMBER, grant.upload_id)
    registry.api.upload_abort(MEMBER, grant.upload_id)
    assert registry.rows("SELECT status FROM images") == [("deleted",)]
    assert registry.rows("SELECT count(*) FROM image_locations") == [(0,)]


def test_only_an_image_that_is_saving_gets_the_data(registry):
    image_id = registry.image(MEMBER)
    grant = registry.begin(MEMBER, image_id)
    registry.put("UPDATE images SET status = 'killed'")
    with pytest.raises(exception.UploadFenced):
        registry.complete(MEMBER, grant.upload_id)
    assert _status(registry, image_id) == "killed"
    assert registry.rows("SELECT count(*) FROM image_locations") == [(0,)]


# -- abort -------------------------------------------------------------------------------------------


def test_abort_queues_the_image_again(registry):
    image_id = registry.image(MEMBER)
    grant = registry.begin(MEMBER, image_id)
    registry.put("UPDATE images SET size = 5, virtual_size = 6")
    for _ in range(2):
        registry.api.upload_abort(MEMBER, grant.upload_id)
    image = registry.api.image_get(MEMBER, image_id)
    assert (image.status, image.size, image.virtual_size, image.version) == ("queued", None, None, 2)
    with pytest.raises(exception.UploadFenced):
        registry.complete(MEMBER, grant.upload_id)


def test_abort_after_the_clean_up_asks_for_another_one(registry):
    image_id = registry.image(MEMBER)
    grant = registry.begin(MEMBER, image_id)
    registry.api.upload_abort(MEMBER, grant.upload_id)
    for _ in range(2):
        [item] = registry.api.cleanup_claim(ADMIN, "host-1", ["fast"])
        registry.api.cleanup_done(ADMIN, [item])
        assert registry.api.cleanup_claim(ADMIN, "host-1", ["fast"]) == []
        registry.api.upload_abort(MEMBER, grant.upload_id)


def test_abort_of_an_upload_that_never_began(registry):
    registry.api.upload_abort(MEMBER, str(uuid.uuid4()))


def test_abort_after_completion_is_refused_so_that_nobody_removes_the_data(registry):
    image_id = registry.image(MEMBER)
    grant = registry.begin(MEMBER, image_id)
    registry.complete(MEMBER, grant.upload_id)
    with pytest.raises(exception.InvalidStatusTransition):
        registry.api.upload_abort(MEMBER, grant.upload_id)
    assert _status(registry, image_id) == "active"


def test_the_next_upload_waits_until_leftovers_are_gone(registry):
    image_id = registry.image(MEMBER)
    grant = registry.begin(MEMBER, image_id)
    registry.api.upload_abort(MEMBER, grant.upload_id)
    with pytest.raises(exception.Conflict, match="retry in a few seconds"):
        registry.begin(MEMBER, image_id)
    registry.begin(MEMBER, image_id, store="other", upload_id="u2")
    registry.api.upload_abort(MEMBER, "u2")
    registry.api.cleanup_done(MEMBER, [objects.CleanupItem("upload", grant.upload_id, image_id)])
    registry.complete(MEMBER, registry.begin(MEMBER, image_id).upload_id)


def test_a_dead_workers_uploads_are_aborted(registry):
    dead = [registry.image(MEMBER) for _ in range(2)]
    alive = registry.image(MEMBER)
    for image_id in dead:
        registry.begin(MEMBER, image_id, worker="dead")
    registry.begin(MEMBER, alive, worker="alive")
    assert registry.api.uploads_abort_worker(ADMIN, "dead") == 2
    assert registry.api.uploads_abort_worker(ADMIN, "dead") == 0
    assert [_status(registry, image_id) for image_id in (*dead, alive)] == ["queued", "queued", "saving"]


# -- renew and quota ---------------------------------------------------------------------------------


def test_renew_extends_the_lease(registry):
    grant = registry.begin(MEMBER, registry.image(MEMBER))
    registry.clock.sleep(20)
    registry.api.upload_renew(MEMBER, grant.upload_id, 7)
    ((until, received),) = registry.rows("SELECT lease_until_ms, received_bytes FROM imagesvc_upload_intents")
    assert (until, received) == (registry.clock() + LEASE * 1000, 7)


def test_renew_checks_what_arrived(registry):
    grant = registry.begin(MEMBER, registry.image(MEMBER))
    with pytest.raises(exception.ImageSizeExceeded):
        registry.api.upload_renew(MEMBER, grant.upload_id, 100 * MIB + 1)
    with pytest.raises(exception.InvalidParameter):
        registry.api.upload_renew(MEMBER, grant.upload_id, -1)


def test_quota_counts_images_and_what_uploads_have_reserved(quota):
    quota.active(MEMBER, size=4 * MIB)
    announced = quota.begin(MEMBER, quota.image(MEMBER), size=3 * MIB)
    assert announced.max_bytes == 6 * MIB
    with pytest.raises(exception.StorageQuotaExceeded) as caught:
        quota.begin(MEMBER, quota.image(MEMBER), size=4 * MIB)
    assert caught.value.kwargs == {"quota": 10 * MIB, "remaining": 3 * MIB}
    quota.begin(MEMBER, quota.image(MEMBER), size=3 * MIB)
    with pytest.raises(exception.StorageQuotaExceeded):
        quota.begin(MEMBER, quota.image(MEMBER))
    quota.begin(OTHER, quota.image(OTHER), size=10 * MIB)


def test_what_was_announced_stays_reserved_while_less_has_arrived(quota):
    grant = quota.begin(MEMBER, quota.image(MEMBER), size=6 * MIB)
    quota.api.upload_renew(MEMBER, grant.upload_id, MIB)
    with pytest.raises(exception.StorageQuotaExceeded):
        quota.begin(MEMBER, quota.image(MEMBER), size=5 * MIB)


def test_quota_holds_for_uploads_of_unknown_size(quota):
    grants = [quota.begin(MEMBER, quota.image(MEMBER)) for _ in range(2)]
    quota.api.upload_renew(MEMBER, grants[0].upload_id, 6 * MIB)
    with pytest.raises(exception.StorageQuotaExceeded):
        quota.api.upload_renew(MEMBER, grants[1].upload_id, 5 * MIB)
    quota.api.upload_renew(MEMBER, grants[1].upload_id, 4 * MIB)
    with pytest.raises(exception.StorageQuotaExceeded):
        quota.complete(MEMBER, grants[1].upload_id, 4 * MIB + 1)
    quota.complete(MEMBER, grants[0].upload_id, 6 * MIB)
    quota.complete(MEMBER, grants[1].upload_id, 4 * MIB)


def test_quota_of_a_deleted_upload_returns_when_its_bytes_are_gone(quota):
    image_id = quota.image(MEMBER)
    grant = quota.begin(MEMBER, image_id, size=8 * MIB)
    quota.api.image_delete(MEMBER, image_id)
    with pytest.raises(exception.StorageQuotaExceeded):
        quota.begin(MEMBER, quota.image(MEMBER), size=8 * MIB)
    quota.api.cleanup_done(MEMBER, [objects.CleanupItem("upload", grant.upload_id, image_id)])
    quota.begin(MEMBER, quota.image(MEMBER), size=8 * MIB)


def test_quota_returns_with_the_image(quota):
    image_id = quota.active(MEMBER, size=8 * MIB)
    quota.api.image_delete(MEMBER, image_id)
    quota.active(MEMBER, size=10 * MIB)


def test_quota_holds_for_images_of_nobody(quota):
    nobody = make_context(roles=["admin"], project_id=None)
    quota.active(nobody, size=8 * MIB)
    with pytest.raises(exception.StorageQuotaExceeded):
        quota.begin(nobody, quota.image(nobody), size=3 * MIB)
