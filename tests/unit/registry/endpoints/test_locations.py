import hashlib
import uuid

import pytest

from imagesvc import exception
from imagesvc.registry.reaper import Reaper
from tests.fixtures.registry import FakeClock, make_registry
from tests.fixtures.rpc import make_context

MEMBER = make_context(roles=["member", "reader"], project_id="p1")
READER = make_context(roles=["reader"], project_id="p1")
OTHER = make_context(roles=["member", "reader"], project_id="p2")
ADMIN = make_context(roles=["admin", "member", "reader"], project_id="p0")
SERVICE = make_context(roles=["service"], project_id="services")
ON_BEHALF = make_context(roles=["member", "reader"], project_id="p1", service_roles=["service"])
WORKER = "host:1:x"
LEASE = 30
SHA512 = hashlib.sha512(b"data").hexdigest()
HASHES = {"checksum": "c" * 32, "os_hash_algo": "sha512", "os_hash_value": SHA512}
SNAPSHOT = "rbd://cluster/images/x/snap"


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def registry(tmp_path, clock):
    return make_registry(tmp_path / "state", clock=clock, image_size_cap=100)


def _place(name="a", **more):
    url = name if ":" in name else f"http://web/{name}"
    return {"url": url, "store": "web", "os_hash_algo": None, "os_hash_value": None, **more}


def _add(registry, context=MEMBER, image_id=None, place=None):
    image_id = image_id or registry.image(MEMBER)
    place = place or _place()
    return registry.api.location_add(context, image_id, place, str(uuid.uuid4()), WORKER)


def _image(registry, job):
    return registry.api.image_get(ADMIN, job.image_id)


def _task(registry, job):
    [task] = registry.api.image_task_list(ADMIN, job.image_id)
    return task


def _reap(registry, clock, seconds):
    reaper = Reaper(
        registry.transactions,
        registry.clock,
        registry.conf.registry,
        "me",
        monotonic=lambda: clock.seconds,
        keep_hours=48,
    )
    reaper.run_once()
    for _ in range(int(seconds / 5)):
        clock.sleep(5)
        reaper.run_once()


# -- adding ------------------------------------------------------------------------------------------


def test_an_image_waits_for_its_data_to_be_looked_at(registry):
    job = _add(registry, place=_place(os_hash_algo="sha512", os_hash_value=SHA512))
    assert (job.phase, job.url, job.store, job.os_hash_value) == ("importing", "http://web/a", "web", SHA512)
    assert job.lease_seconds == LEASE
    assert (_image(registry, job).status, _image(registry, job).locations) == ("importing", ())
    task = _task(registry, job)
    assert (task.type, task.status, task.owner) == ("location_import", "processing", "p1")
    assert task.input == {
        "image_id": job.image_id,
        "loc_url": "http://web/a",
        "validation_data": {"os_hash_algo": "sha512", "os_hash_value": SHA512},
    }


def test_the_task_does_not_tell_what_may_be_a_signature(registry):
    job = _add(registry, place=_place("http://web/a?temp_url_sig=canary&temp_url_expires=1"))
    assert job.url.endswith("canary&temp_url_expires=1")
    assert _task(registry, job).input["loc_url"] == "http://web/a"


def test_data_that_was_looked_at_makes_the_image_active(registry):
    job = _add(registry)
    registry.api.location_activate(MEMBER, job.job_id, WORKER, 4, HASHES)
    image = _image(registry, job)
    assert (image.status, image.size, image.os_hash_value, image.checksum) == ("active", 4, SHA512, "c" * 32)
    assert [(where.url, where.metadata) for where in image.locations] == [("http://web/a", {"store": "web"})]
    assert (_task(registry, job).status, _task(registry, job).result) == ("success", {"image_id": job.image_id})
    assert registry.rows("SELECT * FROM imagesvc_location_jobs") == []
    with pytest.raises(exception.LocationFenced):
        registry.api.location_renew(MEMBER, job.job_id, WORKER)


def test_a_hash_may_come_later(registry):
    job = _add(registry)
    registry.api.location_activate(MEMBER, job.job_id, WORKER, 4, None)
    assert (_image(registry, job).status, _image(registry, job).os_hash_value) == ("active", None)
    assert _task(registry, job).status == "processing"
    registry.api.location_renew(MEMBER, job.job_id, WORKER)
    registry.api.location_hash(MEMBER, job.job_id, WORKER, HASHES)
    assert _image(registry, job).os_hash_value == SHA512
    assert _task(registry, job).status == "success"


def test_data_that_is_of_no_use_leaves_nothing(registry):
    job = _add(registry)
    before = registry.rows("SELECT count(*) FROM image_locations")
    registry.api.location_fail(MEMBER, job.job_id, WORKER, "It is not what was promised.")
    image = _image(registry, job)
    assert (image.status, image.size, image.locations) == ("queued", None, ())
    assert (_task(registry, job).status, _task(registry, job).message) == ("failure", "It is not what was promised.")
    assert registry.rows("SELECT count(*) FROM image_locations") == before == [(0,)]
    registry.api.location_fail(MEMBER, job.job_id, WORKER, "again")
    registry.begin(MEMBER, job.image_id)


def test_an_active_image_stays_active_without_hash(registry):
    job = _add(registry)
    registry.api.location_activate(MEMBER, job.job_id, WORKER, 4, None)
    registry.api.location_fail(MEMBER, job.job_id, WORKER, "It cannot be read.")
    assert (_image(registry, job).status, _image(registry, job).os_hash_value) == ("active", None)


@pytest.mark.parametrize("status", ["saving", "uploading", "importing", "active", "deactivated", "killed"])
def test_only_queued_images_get_data(registry, status):
    image_id = registry.image(MEMBER)
    registry.put("UPDATE images SET status = :status", status=status)
    with pytest.raises(exception.LocationStatusForbids):
        _add(registry, image_id=image_id)


def test_formats_must_be_set(registry):
    with pytest.raises(exception.FormatsNotSet):
        _add(registry, image_id=registry.image(MEMBER, disk_format=None))


# -- who, and what -----------------------------------------------------------------------------------


def test_who_may_add(registry):
    public = registry.image(ADMIN, owner="p1", visibility="public")
    with pytest.raises(exception.Forbidden):
        _add(registry, OTHER, public)
    with pytest.raises(exception.Forbidden):
        _add(registry, READER)
    for context in (OTHER, SERVICE):
        with pytest.raises(exception.ImageNotFound):
            _add(registry, context)
    for context, image_id in ((SERVICE, public), (ADMIN, None), (ON_BEHALF, None)):
        _add(registry, context, image_id)


@pytest.mark.parametrize("context", [MEMBER, ADMIN])
@pytest.mark.parametrize("url", [SNAPSHOT, "file:///etc/passwd", "RBD://x", ":"])
def test_users_name_http_urls_only(registry, context, url):
    with pytest.raises(exception.LocationNotForUsers):
        _add(registry, context, place=_place(url))


def test_services_name_urls_of_stores(registry):
    job = _add(registry, ON_BEHALF, place=_place(SNAPSHOT, store="ceph"))
    assert "loc_url" not in _task(registry, job).input
    for url in ("file:///etc/passwd", "FILE:///x", "filesystem:///x", "swift+config://a/b/c", ":x"):
        with pytest.raises(exception.InvalidLocation):
            _add(registry, ON_BEHALF, place=_place(url))


def test_a_fault_is_told_after_what_is_more_important(registry):
    place = _place(fault="its port is closed")
    with pytest.raises(exception.ImageNotFound):
        _add(registry, OTHER, place=place)
    with pytest.raises(exception.InvalidLocation, match="its port is closed"):
        _add(registry, place=place)


def test_data_in_a_store_is_one_images(registry):
    place = _place(SNAPSHOT, store="ceph")
    job = _add(registry, ON_BEHALF, place=place)
    with pytest.raises(exception.LocationInUse):
        _add(registry, ON_BEHALF, place=place)
    registry.api.location_activate(MEMBER, job.job_id, WORKER, 4, None)
    with pytest.raises(exception.LocationInUse):
        _add(registry, ON_BEHALF, place=place)
    uploaded = registry.api.image_get(MEMBER, registry.active(MEMBER)).locations[0].url.replace("file:", "swift:")
    registry.put("UPDATE image_locations SET value = :url WHERE value LIKE 'file:%'", url=uploaded)
    with pytest.raises(exception.LocationInUse):
        _add(registry, ON_BEHALF, place=_place(uploaded, store="ceph"))
    _add(registry)
    _add(registry)


def test_data_in_a_store_goes_with_the_image_and_not_before(registry):
    job = _add(registry, ON_BEHALF, place=_place(SNAPSHOT, store="ceph"))
    registry.api.location_activate(MEMBER, job.job_id, WORKER, 4, HASHES)
    # As a database of Glance may have it: somebody else's image has the same URL.
    other = registry.active(MEMBER)
    registry.put("UPDATE image_locations SET value = :url WHERE image_id = :id", url=SNAPSHOT, id=other)
    registry.api.image_delete(MEMBER, other)
    assert registry.api.cleanup_claim(ADMIN, "h", ["ceph", "fast"]) == []
    registry.api.image_delete(MEMBER, job.image_id)
    assert {item.url for item in registry.api.cleanup_claim(ADMIN, "h", ["ceph", "fast"])} == {SNAPSHOT}


def test_who_may_list(registry):
    job = _add(registry)
    registry.api.location_activate(MEMBER, job.job_id, WORKER, 4, HASHES)
    assert [where.url for where in registry.api.location_list(ADMIN, job.image_id)] == ["http://web/a"]
    for context, error in ((MEMBER, exception.Forbidden), (SERVICE, exception.ImageNotFound)):
        with pytest.raises(error):
            registry.api.location_list(context, job.image_id)
    registry.put("UPDATE images SET visibility = 'public'")
    assert len(registry.api.location_list(SERVICE, job.image_id)) == 1
    with pytest.raises(exception.Forbidden):
        registry.api.location_list(OTHER, job.image_id)


# -- limits ------------------------------------------------------------------------------------------


def test_limits(tmp_path):
    registry = make_registry(tmp_path, user_storage_quota="10B", image_size_cap=20)
    job = _add(registry)
    for size, error in ((21, exception.ImageSizeExceeded), (11, exception.StorageQuotaExceeded)):
        with pytest.raises(error):
            registry.api.location_activate(MEMBER, job.job_id, WORKER, size, {})
    registry.api.location_activate(MEMBER, job.job_id, WORKER, 10, {})
    job = _add(registry)
    with pytest.raises(exception.StorageQuotaExceeded):
        registry.api.location_activate(MEMBER, job.job_id, WORKER, 1, {})


def test_no_location_at_all(tmp_path):
    with pytest.raises(exception.LocationQuotaExceeded):
        _add(make_registry(tmp_path, image_location_quota=0))


@pytest.mark.parametrize(
    ("name", "value"),
    [("url", 5), ("url", "x" * 70_000), ("store", 5), ("os_hash_algo", "x" * 65), ("os_hash_value", "x" * 129)],
)
def test_bad_arguments_change_nothing(registry, name, value):
    image_id = registry.image(MEMBER)
    with pytest.raises(exception.InvalidParameter):
        _add(registry, image_id=image_id, place={**_place(), name: value})
    assert registry.api.image_get(MEMBER, image_id).status == "queued"


@pytest.mark.parametrize("hashes", [[], {"size": "x"}, {"checksum": "x" * 33}])
def test_bad_hashes(registry, hashes):
    job = _add(registry)
    with pytest.raises(exception.InvalidParameter):
        registry.caller.mutate(MEMBER, "location_hash", "1.3", job_id=job.job_id, worker=WORKER, hashes=hashes)


# -- ends --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_active", [False, True])
def test_deleting_the_image_ends_the_job(registry, is_active):
    job = _add(registry)
    if is_active:
        registry.api.location_activate(MEMBER, job.job_id, WORKER, 4, None)
    registry.api.image_delete(MEMBER, job.image_id)
    for call in (
        lambda: registry.api.location_renew(MEMBER, job.job_id, WORKER),
        lambda: registry.api.location_activate(MEMBER, job.job_id, WORKER, 4, HASHES),
        lambda: registry.api.location_hash(MEMBER, job.job_id, WORKER, HASHES),
    ):
        with pytest.raises(exception.LocationFenced):
            call()
    assert registry.rows("SELECT status FROM tasks") == [("failure",)]


def test_a_job_without_a_sign_of_life_is_anybodys(registry, clock):
    job = _add(registry)
    assert registry.api.location_take_over(ADMIN, "host:2:y", ["web"]) is None
    clock.sleep(LEASE + 1)
    assert registry.api.location_take_over(ADMIN, "host:2:y", ["other"]) is None
    assert registry.api.location_take_over(ADMIN, "host:2:y", ["web"]) == job
    assert registry.api.location_take_over(ADMIN, "host:3:z", ["web"]) is None
    with pytest.raises(exception.LocationFenced):
        registry.api.location_activate(MEMBER, job.job_id, WORKER, 4, HASHES)
    registry.api.location_fail(MEMBER, job.job_id, WORKER, "it is not mine")
    registry.api.location_activate(MEMBER, job.job_id, "host:2:y", 4, HASHES)
    assert _image(registry, job).status == "active"


def test_a_dead_workers_jobs_are_anybodys_at_once(registry):
    job = _add(registry)
    registry.api.uploads_abort_worker(ADMIN, WORKER)
    assert registry.api.location_take_over(ADMIN, "host:2:y", ["web"]) == job


def test_a_job_is_taken_over_a_few_times(registry, clock):
    _add(registry)
    takers = []
    for number in range(10):
        clock.sleep(LEASE + 1)
        if registry.api.location_take_over(ADMIN, f"host:{number}", ["web"]):
            takers.append(number)
    assert takers == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("is_active", [False, True])
def test_what_nobody_takes_over_is_given_up(registry, clock, is_active):
    job = _add(registry)
    if is_active:
        registry.api.location_activate(MEMBER, job.job_id, WORKER, 4, None)
    _reap(registry, clock, 2 * LEASE - 5)
    assert _image(registry, job).status == ("active" if is_active else "importing")
    _reap(registry, clock, 3 * LEASE)
    assert _image(registry, job).status == ("active" if is_active else "queued")
    assert _task(registry, job).status == ("processing" if is_active else "failure")
    _reap(registry, clock, 3600)
    assert _task(registry, job).status == "failure"
    assert registry.rows("SELECT * FROM imagesvc_location_jobs") == []
