import threading

import pytest

from imagesvc import exception, objects
from imagesvc.context import RequestContext
from imagesvc.data.janitor import Janitor
from tests.fixtures.stores import IMAGE, MULTI, OTHER, Service, Source

CONTEXT = RequestContext(overwrite=False)


@pytest.fixture
def service(tmp_path):
    service = Service(tmp_path, janitor_interval=1)
    service.janitor = Janitor(service.registry, service.stores, service.conf, "host")
    return service


def _left_behind(service):
    """An upload whose process died when its data was stored; the reaper has aborted it."""
    service.registry.failing["upload_complete"] = exception.RegistryUnavailable()
    with pytest.raises(exception.RegistryUnavailable):
        service.uploads.upload(CONTEXT, IMAGE, Source(b"data"))
    del service.registry.failing["upload_complete"]
    (upload_id,) = service.registry.intents
    service.registry.upload_abort(CONTEXT, upload_id)
    service.registry.calls.clear()
    return upload_id


def test_leftovers_of_an_aborted_upload_go(service):
    _left_behind(service)
    assert len(service.files()) == 2
    assert service.janitor.run_once() == 1
    assert service.files() == []
    assert service.registry.intents == {}
    service.uploads.upload(CONTEXT, IMAGE, Source(b"data"))


def test_data_of_a_deleted_image_goes(service):
    image = service.uploads.upload(CONTEXT, IMAGE, Source(b"data"))
    service.registry.items = [objects.CleanupItem("location", "1", IMAGE, url=image.locations[0].url)]
    assert service.janitor.run_once() == 1
    assert service.files() == []
    assert service.registry.items == []


def test_data_that_is_gone_is_done(service):
    service.registry.items = [objects.CleanupItem("location", "1", IMAGE, url=f"file://{service.root}/{IMAGE}")]
    assert service.janitor.run_once() == 1


def test_stores_are_told_by_id(tmp_path):
    service = Service(tmp_path, MULTI)
    image = service.uploads.upload(CONTEXT, IMAGE, Source(b"data"), store="cheap")
    url = image.locations[0].url
    service.registry.items = [
        objects.CleanupItem("location", "1", IMAGE, store="cheap", url=url),
        objects.CleanupItem("location", "2", OTHER, store="gone", url=url),
    ]
    assert Janitor(service.registry, service.stores, service.conf, "host").run_once() == 1
    assert service.files() == []
    assert [item.ref for item in service.registry.items] == ["2"]


def test_what_cannot_be_removed_is_not_reported_done(service, monkeypatch):
    image = service.uploads.upload(CONTEXT, IMAGE, Source(b"data"))
    bad = objects.CleanupItem("location", "1", IMAGE, url=image.locations[0].url)
    good = objects.CleanupItem("location", "2", OTHER, url=f"file://{service.root}/{OTHER}")
    service.registry.items = [bad, good]

    def refuse(location):
        if location.url == bad.url:
            raise exception.StoreWriteDenied(store="file")

    monkeypatch.setattr(service.stores, "delete", refuse)
    assert service.janitor.run_once() == 1
    assert service.registry.items == [bad]


def test_more_than_one_claim_is_worked_off(service):
    service.registry.items = [
        objects.CleanupItem("location", str(n), IMAGE, url=f"file://{service.root}/{n}") for n in range(250)
    ]
    assert service.janitor.run_once() == 250


def test_an_absent_registry_is_an_error_of_the_turn(service):
    _left_behind(service)
    service.registry.failing["cleanup_claim"] = exception.RegistryUnavailable()
    with pytest.raises(exception.RegistryUnavailable):
        service.janitor.run_once()
    assert len(service.files()) == 2


def test_the_thread_survives_everything_and_can_be_poked(service):
    seen = threading.Event()
    errors = [exception.RegistryUnavailable(), KeyError("surprise")]

    def enter():
        if errors:
            raise errors.pop(0)
        seen.set()

    service.registry.hooks["cleanup_claim"] = enter
    service.janitor.start()
    pause = threading.Event()
    for _ in range(500):
        service.janitor.poke()
        if seen.is_set():
            break
        pause.wait(0.02)
    service.janitor.stop()
    assert seen.is_set()


def test_an_outage_makes_it_wait_longer(service):
    service.registry.failing["cleanup_claim"] = exception.RegistryUnavailable()
    pauses = []
    for _ in range(8):
        service.janitor._turn()
        pauses.append(service.janitor._pause)
    assert pauses == [2, 4, 8, 16, 32, 60, 60, 60]
    del service.registry.failing["cleanup_claim"]
    service.janitor._turn()
    assert service.janitor._pause == 1


def test_the_audit_has_its_own_rhythm(tmp_path):
    service = Service(tmp_path, store_audit_interval=3600, store_audit_min_age=0)
    (service.root / OTHER).write_bytes(b"stray")
    janitor = Janitor(service.registry, service.stores, service.conf, "host")
    for _ in range(3):
        janitor.run_once()
    assert service.files() == [OTHER]
    for _ in range(2):
        janitor._next_audit = 0
        janitor.run_once()
    assert (service.root / OTHER).exists() is False
