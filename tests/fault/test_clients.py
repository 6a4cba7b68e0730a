"""R36, R38, R41, R44: clients that leave, and transfers of any size."""

import contextlib
import http.client
import random
from pathlib import Path

import pytest

from tests.fixtures import invariants
from tests.fixtures.daemons import Deployment, deployed, wait_for
from tests.fixtures.images import ImageClient, RawUpload, noise

DATA = noise(2_000_000)


@pytest.fixture
def options():
    return {"DEFAULT": {"workers": 1}}


def _resources(service: Deployment) -> tuple[int, int]:
    """Open files and threads of glance-api.

    Without poll descriptors: each thread of a bounded pool makes one when it first needs it, and keeps it.
    """
    files = threads = 0
    for process in service.processes_of("glance-api"):
        threads += process.num_threads()
        for descriptor in Path(f"/proc/{process.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                files += str(descriptor.readlink()) != "anon_inode:[eventpoll]"
    return files, threads


def _leave_upload(service: Deployment, api: ImageClient, dice: random.Random) -> None:
    image_id = api.created()
    upload = RawUpload(service.url, image_id, length=len(DATA))
    upload.send(DATA[: dice.randrange(1, len(DATA))])
    upload.abandon()


def _leave_download(service: Deployment, image_id: str, dice: random.Random) -> None:
    connection = http.client.HTTPConnection(service.url.removeprefix("http://"), timeout=30)
    connection.request("GET", f"/v2/images/{image_id}/file")
    connection.getresponse().read(dice.randrange(1, len(DATA)))
    connection.close()


def test_r38_clients_that_leave_cost_nothing(service, api, ledger):
    dice = random.Random(38)
    stored = api.uploaded(DATA)
    ledger.store(stored, DATA)
    for _ in range(5):  # what is made once and kept: pools, threads
        _leave_upload(service, api, dice)
        _leave_download(service, stored, dice)
    ledger.check(service)
    files, threads = _resources(service)
    for _ in range(40):
        _leave_upload(service, api, dice)
        _leave_download(service, stored, dice)
    ledger.check(service)
    assert api.ids()

    def no_more() -> bool:
        now = _resources(service)
        return now[0] <= files + 2 and now[1] <= threads + 1

    wait_for("end of files and threads of those who left", no_more)


def test_r36_a_short_body_is_not_stored_and_the_image_is_usable_at_once(service, api, ledger):
    for sent in (0, 1, 65_536, len(DATA) - 1):
        image_id = api.created()
        upload = RawUpload(service.url, image_id, length=len(DATA))
        upload.send(DATA[:sent])
        wait_for("saving image", lambda image_id=image_id: api.status(image_id) == "saving")
        upload.abandon()
        wait_for("queued image", lambda image_id=image_id: api.status(image_id) == "queued")
        assert api.upload(image_id, DATA).status_code == 204
        ledger.store(image_id, DATA)
    ledger.check(service)


def _transfer(api: ImageClient, mebibytes: int) -> None:
    image_id = api.created()
    block = bytes(1 << 20)
    assert api.upload(image_id, (block for _ in range(mebibytes))).status_code == 204
    with api.request("GET", f"/v2/images/{image_id}/file", stream=True) as response:
        assert sum(map(len, response.iter_content(1 << 20))) == mebibytes << 20
    assert api.delete(image_id).status_code == 204


def test_r41_memory_does_not_depend_on_size(service, api):
    _transfer(api, 64)
    before = service.peak_memory("glance-api")
    _transfer(api, 512)
    assert service.peak_memory("glance-api") - before <= 16 << 20


class TestDeactivated:
    """R44: the data of a deactivated image."""

    @pytest.fixture
    def options(self):
        return {"paste_deploy": {"flavor": "trusted-auth"}, "DEFAULT": {"workers": 1}}

    @staticmethod
    def _as(roles: str) -> dict[str, str]:
        return {
            "X-Identity-Status": "Confirmed",
            "X-User-Id": "user",
            "X-Tenant-Id": "project",
            "X-Project-Id": "project",
            "X-Roles": roles,
            "X-Auth-Token": "none",
        }

    def test_r44_is_403_for_users_and_there_for_admins(self, service, api):
        api.session.headers.update(self._as("member,reader"))
        image_id = api.uploaded(DATA)
        service.kill("glance-registry")
        invariants.execute(service, "UPDATE images SET status = 'deactivated' WHERE id = ?", image_id)
        service.start_registry()
        wait_for("deactivated image", lambda: api.status(image_id) == "deactivated")
        assert api.download(image_id).status_code == 403
        assert api.download(image_id, Range="bytes=0-9").status_code == 403
        api.session.headers.update(self._as("admin,member,reader"))
        assert api.download(image_id).content == DATA
        assert api.download(image_id, Range="bytes=0-9").content == DATA[:10]


def test_leases_of_the_products_own_length_end_within_60_seconds(tmp_path):
    options = {
        "registry": {"upload_lease": 30, "reaper_interval": 5},
        "DEFAULT": {"janitor_interval": 5, "workers": 1},
    }
    with deployed(tmp_path, options) as service:
        api = ImageClient(service.url)
        image_id = api.created()
        upload = RawUpload(service.url, image_id, length=len(DATA))
        upload.send(DATA[:1000])
        wait_for("saving image", lambda: api.status(image_id) == "saving")
        service.kill("glance-api")
        upload.abandon()
        service.start_api()
        # "queued" may come before the leftovers are gone; until then another upload is a conflict.
        wait_for("accepted upload", lambda: api.upload(image_id, DATA).status_code == 204, 60)
