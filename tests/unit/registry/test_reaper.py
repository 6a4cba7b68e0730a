"""Rounds of the reaper with a clock that the test moves."""

import contextlib
import sqlite3
import uuid

import pytest

from imagesvc import exception
from imagesvc.registry.reaper import Reaper
from tests.fixtures.registry import FakeClock, make_registry
from tests.fixtures.rpc import make_context

MEMBER = make_context(roles=["member", "reader"], project_id="p1")
ADMIN = make_context(roles=["admin", "member", "reader"], project_id="p0")
LEASE = 30


@pytest.fixture
def registry(tmp_path):
    return make_registry(tmp_path / "state")


def _reaper(registry, holder="host-1:1"):
    return Reaper(registry.transactions, registry.clock, registry.conf.registry, holder, lambda: registry.clock.seconds)


@pytest.fixture
def reaper(registry):
    """One that has been at work long enough not to be patient."""
    reaper = _reaper(registry)
    _run(registry, reaper, LEASE + 5)
    return reaper


def _run(registry, reaper, seconds):
    """Rounds every five seconds; how many uploads were aborted."""
    count = 0
    for _ in range(int(seconds / 5)):
        count += reaper.run_once()
        registry.clock.sleep(5)
    return count


def _statuses(registry):
    return [status for (status,) in registry.rows("SELECT status FROM images ORDER BY created_at")]


def test_an_upload_without_a_sign_of_life_is_aborted(registry, reaper):
    silent, lively = registry.image(MEMBER), registry.image(MEMBER)
    registry.begin(MEMBER, silent)
    grant = registry.begin(MEMBER, lively)
    for _ in range(4):
        registry.api.upload_renew(MEMBER, grant.upload_id, 1)
        assert _run(registry, reaper, 10) in (0, 1)
    assert registry.api.image_get(MEMBER, silent).status == "queued"
    assert registry.api.image_get(MEMBER, lively).status == "saving"
    registry.complete(MEMBER, grant.upload_id)
    assert _run(registry, reaper, 60) == 0


def test_it_is_aborted_within_a_round_of_its_lease(registry, reaper):
    registry.begin(MEMBER, registry.image(MEMBER))
    assert _run(registry, reaper, LEASE) == 0
    registry.clock.sleep(0.1)
    assert _run(registry, reaper, 5) == 1


def test_live_uploads_get_time_to_renew_after_the_start(registry):
    registry.begin(MEMBER, registry.image(MEMBER))
    registry.clock.sleep(1000)
    reaper = _reaper(registry)
    assert _run(registry, reaper, LEASE) == 0
    assert _run(registry, reaper, 5) == 1


def test_live_uploads_get_time_to_renew_after_an_outage(registry, reaper, monkeypatch):
    registry.begin(MEMBER, registry.image(MEMBER))

    def away():
        raise exception.DatabaseUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(registry.transactions, "observe", away)
        for _ in range(10):
            with pytest.raises(exception.DatabaseUnavailable):
                reaper.run_once()
            registry.clock.sleep(5)
    assert _run(registry, reaper, LEASE - 5) == 0
    assert _run(registry, reaper, 10) == 1


def test_live_uploads_get_time_to_renew_after_a_pause_of_this_process(registry, reaper):
    registry.begin(MEMBER, registry.image(MEMBER))
    registry.clock.sleep(100)
    assert _run(registry, reaper, LEASE) == 0
    assert _run(registry, reaper, 5) == 1


class _SetClock(FakeClock):
    """The database's clock can be set; the monotonic one goes on."""

    ahead_ms = 0

    def observe(self, database_ms, asked=None):
        super(FakeClock, self).observe(int(self.seconds * 1000) + self.ahead_ms)


@pytest.mark.parametrize("days", [1, -1])
def test_a_clock_that_is_set_ends_no_live_upload_and_keeps_no_dead_one(tmp_path, days):
    registry = make_registry(tmp_path / "state", _SetClock())
    reaper = _reaper(registry)
    _run(registry, reaper, LEASE + 5)
    image_id, dead_id = registry.image(MEMBER), registry.image(MEMBER)
    grant = registry.begin(MEMBER, image_id)
    registry.begin(MEMBER, dead_id)
    looked_at = registry.image(MEMBER)
    place = {"url": "http://web/a", "store": "web", "os_hash_algo": None, "os_hash_value": None, "fault": None}
    registry.api.location_add(MEMBER, looked_at, place, str(uuid.uuid4()), "dead")
    registry.clock.ahead_ms = days * 86_400_000
    for _ in range(20):
        _run(registry, reaper, 10)
        registry.api.upload_renew(MEMBER, grant.upload_id, 1)
    assert registry.api.image_get(MEMBER, image_id).status == "saving"
    for dead in (dead_id, looked_at):
        assert registry.api.image_get(MEMBER, dead).status == "queued"


def test_one_registry_at_a_time_reaps(registry, reaper):
    second = _reaper(registry, "host-2:1")
    registry.begin(MEMBER, registry.image(MEMBER))
    reaped = 0
    for _ in range(20):
        assert second.run_once() == 0
        reaped += reaper.run_once()
        registry.clock.sleep(5)
    assert reaped == 1


def test_another_registry_takes_over(registry, reaper):
    second = _reaper(registry, "host-2:1")
    registry.begin(MEMBER, registry.image(MEMBER))
    assert _run(registry, second, 2 * LEASE + 10) == 1


def test_a_reaper_that_dies_keeps_the_others_waiting_for_three_rounds_at_most(registry, reaper):
    second = _reaper(registry, "host-2:1")
    registry.begin(MEMBER, registry.image(MEMBER))
    for _ in range(6):
        assert _run(registry, reaper, 5) + second.run_once() == 0
    assert _run(registry, second, 3 * registry.conf.registry.reaper_interval + 5) == 1


def test_images_left_in_saving_are_queued_again(registry, reaper):
    image_id = registry.image(MEMBER)
    registry.put("UPDATE images SET status = 'saving'")
    _run(registry, reaper, LEASE + 65)
    assert registry.api.image_get(MEMBER, image_id).status == "queued"


def test_images_that_have_just_begun_to_be_saving_are_let_be(registry, reaper):
    image_id = registry.image(MEMBER)
    registry.put("UPDATE images SET status = 'saving'")
    registry.clock.sleep(LEASE - 1)
    reaper._tidy()
    assert registry.api.image_get(MEMBER, image_id).status == "saving"
    registry.clock.sleep(2)
    reaper._tidy()
    assert registry.api.image_get(MEMBER, image_id).status == "queued"


def test_ledgers_are_purged(registry, reaper):
    registry.active(MEMBER)
    _run(registry, reaper, 60)
    assert registry.rows("SELECT count(*) FROM imagesvc_rpc_ops") != [(0,)]
    assert registry.rows("SELECT count(*) FROM imagesvc_upload_intents") == [(1,)]
    for _ in range(60):
        _run(registry, reaper, 5)
        registry.clock.sleep(15)
    registry.clock.sleep(3600)
    _run(registry, reaper, LEASE + 65)
    assert registry.rows("SELECT count(*) FROM imagesvc_rpc_ops") == [(0,)]
    assert registry.rows("SELECT count(*) FROM imagesvc_upload_intents") == [(0,)]


def test_tasks_are_marked_deleted_after_their_time(registry, reaper):
    task_id = str(uuid.uuid4())
    registry.api.task_create(ADMIN, task_id, "import", {})
    _run(registry, reaper, LEASE + 65)
    assert registry.rows("SELECT count(*) FROM tasks WHERE deleted = true") == [(0,)]
    registry.clock.sleep(48 * 3600)
    _run(registry, reaper, LEASE + 65)
    assert registry.rows("SELECT id FROM tasks WHERE deleted = true") == [(task_id,)]


def test_an_idle_round_writes_nothing(registry, reaper):
    with contextlib.closing(sqlite3.connect(registry.conf.state_path + "/glance.sqlite")) as watcher:
        reaper.run_once()
        before = watcher.execute("PRAGMA data_version").fetchall()
        registry.clock.sleep(1)
        reaper.run_once()
        assert watcher.execute("PRAGMA data_version").fetchall() == before
        _run(registry, reaper, LEASE)
        assert watcher.execute("PRAGMA data_version").fetchall() != before
