"""R07, R08: I/O errors and full disks under the store and the database.

The unprivileged forms: failing system calls inside the daemon, and RLIMIT_FSIZE.  Full file systems are in tests/full.
"""

import resource

import pytest

from tests.fixtures import invariants
from tests.fixtures.daemons import Deployment, wait_for
from tests.fixtures.failpoints import Failpoints
from tests.fixtures.images import noise

DATA = noise(4_000_000)


@pytest.fixture
def failpoints(tmp_path):
    return Failpoints(tmp_path / "failpoints")


@pytest.fixture
def environment(failpoints):
    return failpoints.environment


@pytest.mark.parametrize(
    ("function", "error", "statuses"),
    [
        ("fsync", "EIO", {500, 503}),
        ("link", "EIO", {500, 503}),
        ("pwrite", "EIO", {500, 503}),
        ("pwrite", "ENOSPC", {413}),
        ("pwrite", "EDQUOT", {413}),
        ("fsync", "ENOSPC", {413}),
    ],
)
def test_r07_an_upload_that_cannot_be_stored_leaves_nothing(
    service, api, ledger, failpoints, function, error, statuses
):
    image_id = api.created()
    with failpoints.failing(function, error):
        response = api.upload(image_id, DATA)
        assert response.status_code in statuses, response.text
    wait_for("queued image", lambda: api.status(image_id) == "queued")
    assert image_id not in invariants.blobs(service)
    assert api.upload(image_id, DATA).status_code == 204
    ledger.store(image_id, DATA)
    ledger.check(service)


def _limit_file_size(service: Deployment, name: str, size: int) -> None:
    """Only the soft limit: raising it again needs no privilege."""
    for process in service.processes_of(name):
        _, hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, hard))


def test_r08_a_full_store_is_413_and_works_again_when_there_is_room(service, api, ledger):
    small = noise(100_000, seed=1)
    ledger.store(api.uploaded(small), small)
    image_id = api.created()
    _limit_file_size(service, "glance-api", 1_000_000)
    response = api.upload(image_id, DATA)
    assert response.status_code == 413, response.text
    ledger.check(service)
    assert api.status(image_id) == "queued"
    _limit_file_size(service, "glance-api", resource.RLIM_INFINITY)
    assert api.upload(image_id, DATA).status_code == 204
    ledger.store(image_id, DATA)
    ledger.check(service)


def test_r08_a_full_database_is_503_while_reads_go_on(service, api, ledger):
    data = noise(100_000, seed=1)
    stored = api.uploaded(data)
    ledger.store(stored, data)
    _limit_file_size(service, "glance-registry", 1)
    response = api.create()
    assert response.status_code == 503, response.text
    assert api.download(stored).content == data
    _limit_file_size(service, "glance-registry", resource.RLIM_INFINITY)
    wait_for("accepted image", lambda: api.create().status_code == 201)
    ledger.check(service)
