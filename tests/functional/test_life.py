"""Starting, stopping, reloading, and finding everything again."""

import os
import signal

import pytest
import requests

from tests.fixtures.daemons import Deployment, deployed, wait_for
from tests.fixtures.images import ImageClient, RawUpload, noise
from tests.fixtures.invariants import Ledger

DATA = noise(1_000_000)


@pytest.fixture
def service(tmp_path):
    with deployed(tmp_path) as deployment:
        yield deployment


def test_everything_is_there_after_both_were_killed(service):
    api = ImageClient(service.url)
    ledger = Ledger()
    for n in range(3):
        ledger.store(api.uploaded(DATA + bytes([n])), DATA + bytes([n]))
    gone = api.uploaded(DATA)
    assert api.delete(gone).status_code == 204
    ledger.delete(gone)
    queued = api.created(name="queued")
    service.kill("glance-api")
    service.kill("glance-registry")
    service.start()
    assert api.show(queued).json()["name"] == "queued"
    ledger.check(service)


def test_terminating_lets_a_transfer_finish_and_ends_with_0(service):
    api = ImageClient(service.url)
    image_id = api.created()
    upload = RawUpload(service.url, image_id, length=len(DATA))
    upload.send(DATA[:500_000])
    wait_for("saving image", lambda: api.status(image_id) == "saving")
    api.session.close()
    service.processes["glance-api"].terminate()
    wait_for("refused connection", lambda: _refuses(service))
    upload.send(DATA[500_000:])
    assert upload.finish()[0] == 204
    assert service.terminate("glance-api") == 0
    service.start_api()
    assert ImageClient(service.url).download(image_id).content == DATA
    assert service.terminate("glance-registry") == 0


def _refuses(service: Deployment) -> bool:
    try:
        requests.get(f"{service.url}/healthcheck", timeout=1)
    except requests.ConnectionError:
        return True
    except requests.Timeout:
        return False
    return False


@pytest.mark.parametrize("name", ["glance-api", "glance-registry"])
def test_a_killed_worker_is_replaced(service, name):
    api = ImageClient(service.url)
    before = wait_for("workers", lambda: service.workers(name))
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    wait_for("new workers", lambda: len(set(service.workers(name)) - set(before)) >= len(before))
    wait_for("answer", lambda: api.status("00000000-0000-4000-8000-000000000000") == "gone")
    assert service.processes[name].poll() is None


def test_hup_reads_the_configuration_anew_while_serving(service):
    api = ImageClient(service.url)
    before = set(service.workers("glance-api"))
    for _ in range(3):
        api.created()
    assert len(api.list().json()["images"]) == 3
    service.config.write_text(service.config.read_text().replace("[DEFAULT]", "[DEFAULT]\nlimit_param_default = 2"))
    service.processes["glance-api"].send_signal(signal.SIGHUP)
    wait_for("new limit", lambda: len(ImageClient(service.url).list().json()["images"]) == 2)
    wait_for("replaced workers", lambda: not before & set(service.workers("glance-api")))


def test_a_registry_without_schema_says_what_to_do_and_needs_no_restart(tmp_path):
    service = Deployment(tmp_path)
    service.configure()
    try:
        service.start_registry(wait=False)
        service.start_api()
        api = ImageClient(service.url)
        (response,) = wait_for("503", lambda: [answer for answer in [api.list()] if answer.status_code == 503])
        assert "db_sync" in response.text
        assert int(response.headers["Retry-After"]) > 0
        wait_for("unhealthy registry", lambda: _status(f"{service.registry_url}/healthcheck") == 503)
        service.manage("db_sync")
        wait_for("service", lambda: api.list().status_code == 200)
        wait_for("healthy registry", lambda: _status(f"{service.registry_url}/healthcheck") == 200)
    finally:
        service.close()


def _status(url: str) -> int | None:
    try:
        return requests.get(url, timeout=5).status_code
    except requests.ConnectionError:
        return None
