"""R15, R16, R21, R22: glance-registry killed, absent, frozen."""

import threading
import uuid

import pytest

from tests.fixtures import load
from tests.fixtures.daemons import Deployment, wait_for
from tests.fixtures.failpoints import Failpoints
from tests.fixtures.images import ImageClient, noise
from tests.fixtures.invariants import rows

DATA = noise(500_000)


def test_r15_nothing_acknowledged_is_lost_when_the_registry_is_killed(service, ledger):
    with load.running(service) as clients:
        for _ in range(8):
            service.kill("glance-registry")
            service.start_registry()
            clients.wait_for_progress()
    clients.check()
    ledger.check(service)


def test_r15_uploads_survive_the_registrys_death(service, api, ledger):
    for _ in range(3):
        image_id = api.created()
        answers = []
        uploader = threading.Thread(
            target=lambda image_id=image_id, answers=answers: answers.append(
                ImageClient(service.url).upload(image_id, iter([DATA] * 20)).status_code
            )
        )
        uploader.start()
        service.kill("glance-registry")
        service.start_registry()
        uploader.join()
        assert answers[0] in {204, 503}, answers
        if answers[0] == 204:
            ledger.store(image_id, DATA * 20)
    ledger.check(service)


class TestAfterCommit:
    """R16: the transaction is committed, the reply never leaves."""

    @pytest.fixture
    def failpoints(self, tmp_path):
        return Failpoints(tmp_path / "failpoints")

    @pytest.fixture
    def environment(self, failpoints):
        return failpoints.environment

    @pytest.fixture
    def restarting(self, service):
        """Start the registry again whenever it is gone: what systemd does."""
        stop = threading.Event()

        def watch() -> None:
            while not stop.wait(0.05):
                if service.processes["glance-registry"].poll() is not None:
                    service.kill("glance-registry")
                    service.start_registry(wait=False)

        watcher = threading.Thread(target=watch)
        watcher.start()
        yield
        stop.set()
        watcher.join()

    def test_r16_a_create_is_done_once_and_answered(self, service, api, failpoints, restarting):
        image_id = str(uuid.uuid4())
        with failpoints.killing_before_reply():
            response = api.create(id=image_id, name="once")
        assert response.status_code == 201, response.text
        assert rows(service, "SELECT COUNT(*) FROM images WHERE id = ?", image_id) == [(1,)]

    def test_r16_a_patch_is_done_once_and_answered(self, service, api, failpoints, restarting):
        image_id = api.created(step="0")
        ((version,),) = rows(service, "SELECT version FROM images WHERE id = ?", image_id)
        with failpoints.killing_before_reply():
            response = api.patch(image_id, {"op": "add", "path": "/added", "value": "x"})
        assert response.status_code == 200, response.text
        assert rows(service, "SELECT version FROM images WHERE id = ?", image_id) == [(version + 1,)]
        found = rows(service, "SELECT value FROM image_properties WHERE image_id = ? AND name = 'added'", image_id)
        assert found == [("x",)]

    def test_r16_an_upload_is_completed_once_and_answered(self, service, api, ledger, failpoints, restarting):
        image_id = api.created()
        with failpoints.killing_before_reply(after=1):  # upload_begin answers, upload_complete does not
            response = api.upload(image_id, DATA)
        assert response.status_code == 204, response.text
        ledger.store(image_id, DATA)
        ledger.check(service)

    def test_r16_a_delete_is_done_once_and_answered(self, service, api, ledger, failpoints, restarting):
        image_id = api.uploaded(DATA)
        with failpoints.killing_before_reply():
            response = api.delete(image_id)
        assert response.status_code == 204, response.text
        ledger.delete(image_id)
        ledger.check(service)


class TestAbsent:
    """R21: glance-registry was never started."""

    @pytest.fixture
    def service(self, tmp_path):
        deployment = Deployment(tmp_path)
        try:
            deployment.prepare()
            deployment.start_api()
            yield deployment
        finally:
            deployment.close()

    def test_r21_metadata_is_503_at_once_and_versions_answer(self, service):
        impatient = ImageClient(service.url, timeout=10)
        response = impatient.list()
        assert response.status_code == 503
        assert int(response.headers["Retry-After"]) > 0
        assert impatient.create().status_code == 503
        assert impatient.request("GET", "/versions").status_code == 200

    def test_r21_it_works_when_the_registry_comes(self, service):
        api = ImageClient(service.url)
        assert api.list().status_code == 503
        service.start_registry()
        wait_for("answer", lambda: api.list().status_code == 200)


class TestFrozen:
    """R22: glance-registry hangs."""

    @pytest.fixture
    def options(self):
        return {"rpc": {"try_timeout": 1, "metadata_deadline": 3}}

    def test_r22_late_calls_have_no_effect(self, service, api):
        kept = api.created(step="0")
        image_id = str(uuid.uuid4())
        with service.frozen("glance-registry"):
            assert api.create(id=image_id).status_code == 503
            response = api.patch(kept, {"op": "replace", "path": "/step", "value": "1"})
            assert response.status_code == 503
            assert int(response.headers["Retry-After"]) > 0
        wait_for("answer", lambda: api.status(kept) == "queued")
        assert api.status(image_id) == "gone"
        assert api.show(kept).json()["step"] == "0"
        assert api.create(id=image_id).status_code == 201
