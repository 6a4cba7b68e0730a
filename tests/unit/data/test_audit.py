import os
import uuid

import pytest

from imagesvc import exception
from imagesvc.context import RequestContext
from imagesvc.data.audit import Audit
from tests.fixtures.stores import IMAGE, OTHER, Service, Source

CONTEXT = RequestContext(overwrite=False)


@pytest.fixture
def service(tmp_path):
    service = Service(tmp_path)
    service.audit = Audit(service.registry, service.stores, 60)
    return service


def _old(path, content=b"stray", age=3600):
    path.write_bytes(content)
    when = path.stat().st_mtime - age
    os.utime(path, (when, when))
    return path


def _quarantined(service):
    return [path.name.split(".")[0] for path in (service.root / ".quarantine").glob("*")]


def test_a_stray_file_is_set_aside_at_its_second_sighting(service):
    _old(service.root / OTHER)
    assert service.audit.run() == 0
    assert service.files() == [OTHER]
    assert service.audit.run() == 1
    assert _quarantined(service) == [OTHER]
    assert service.audit.run() == 0
    (kept,) = (service.root / ".quarantine").iterdir()
    assert kept.read_bytes() == b"stray"


def test_a_stray_staged_file_is_set_aside(service):
    upload_id = str(uuid.uuid4())
    for name in (upload_id, f"{upload_id}.fenced"):
        _old(service.root / ".staging" / name)
    assert [service.audit.run(), service.audit.run()] == [0, 2]
    assert _quarantined(service) == [upload_id, upload_id]


def test_images_and_live_uploads_stay(service):
    service.uploads.upload(CONTEXT, IMAGE, Source(b"data"))
    _old(service.root / IMAGE, b"data")
    live = str(uuid.uuid4())
    service.registry.intents[live] = ("live", "file")
    _old(service.root / ".staging" / live)
    assert [service.audit.run() for _ in range(3)] == [0, 0, 0]
    assert len(service.files()) == 2


@pytest.mark.parametrize("scheme", ["file", "filesystem"])
def test_rows_of_other_releases_count(service, scheme):
    _old(service.root / IMAGE)
    asked = []

    def blobs_unknown(context, blobs):
        asked.extend(blobs)
        return [blob for blob in blobs if not blob["url"].startswith(f"{scheme}://")]

    service.registry.blobs_unknown = blobs_unknown
    assert [service.audit.run() for _ in range(3)] == [0, 0, 0]
    assert {"image_id": IMAGE, "url": f"{scheme}://{service.root}/{IMAGE}"} in asked


def test_young_files_stay(service):
    _old(service.root / OTHER, age=30)
    assert [service.audit.run() for _ in range(3)] == [0, 0, 0]


def test_a_file_that_changed_between_two_sightings_stays(service):
    _old(service.root / OTHER)
    service.audit.run()
    _old(service.root / OTHER, age=7200)
    assert service.audit.run() == 0


def test_files_that_this_service_never_made_stay(service):
    _old(service.root / "README")
    (service.root / "lost+found").mkdir()
    assert [service.audit.run() for _ in range(3)] == [0, 0, 0]
    assert service.files() == ["README"]


def test_nothing_happens_when_the_registry_cannot_be_asked(service):
    _old(service.root / OTHER)
    service.audit.run()
    service.registry.failing["blobs_unknown"] = exception.RegistryUnavailable()
    with pytest.raises(exception.RegistryUnavailable):
        service.audit.run()
    assert service.files() == [OTHER]


def test_many_files_are_asked_about_in_parts(service):
    for _ in range(450):
        _old(service.root / str(uuid.uuid4()))
    assert [service.audit.run(), service.audit.run()] == [0, 450]
    assert service.registry.calls.count("blobs_unknown") == 6


def test_a_settled_uploads_second_name_goes(service):
    service.registry.losing.add("upload_complete")
    with pytest.raises(exception.RegistryUnavailable):
        service.uploads.upload(CONTEXT, IMAGE, Source(b"data"))
    assert len(service.files()) == 2
    service.audit.release_settled()
    assert service.files() == [IMAGE]
    assert (service.root / IMAGE).read_bytes() == b"data"


def test_an_unsettled_uploads_second_name_stays(service):
    service.registry.failing["upload_complete"] = exception.RegistryUnavailable()
    with pytest.raises(exception.RegistryUnavailable):
        service.uploads.upload(CONTEXT, IMAGE, Source(b"data"))
    service.audit.release_settled()
    assert len(service.files()) == 2


def test_the_registry_is_not_bothered_while_all_is_settled(service):
    service.uploads.upload(CONTEXT, IMAGE, Source(b"data"))
    service.registry.calls.clear()
    service.audit.release_settled()
    assert service.registry.calls == []
