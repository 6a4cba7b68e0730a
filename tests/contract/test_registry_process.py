"""glance-registry as a real process: started by its script, asked over its socket, stopped and killed."""

import contextlib
import dataclasses
import http.client
import signal
import sys
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any, Self

import psutil
import pytest

from imagesvc import exception
from imagesvc.rpc import rpcapi, transport
from tests.fixtures import database
from tests.fixtures.daemons import Deployment, wait_for
from tests.fixtures.rpc import make_context

MEMBER = make_context(roles=["member", "reader"], project_id="p1")
WORKERS = 2


@dataclasses.dataclass
class Running:
    """A registry of two workers and a client of it."""

    deployment: Deployment
    api: rpcapi.RegistryAPI

    @property
    def parent(self) -> psutil.Process:
        return psutil.Process(self.deployment.processes["glance-registry"].pid)

    def workers(self) -> list[psutil.Process]:
        return sorted(self.parent.children(), key=lambda process: process.pid)

    def signal(self, number: int) -> None:
        self.parent.send_signal(number)


@pytest.fixture
def make(tmp_path):
    """A deployment that is not started, and what starts it; everything is stopped at the end."""
    deployment = Deployment(tmp_path, options={"registry": {"workers": WORKERS}})
    callers = []

    def start(wait: bool = True) -> Running:
        deployment.start_registry(wait=wait)
        caller = transport.get_caller(database.make_conf(deployment.state))
        callers.append(caller)
        return Running(deployment, rpcapi.RegistryAPI(caller))

    yield deployment, start
    for caller in callers:
        caller.close()
    deployment.close()


@pytest.fixture
def running(make):
    deployment, start = make
    deployment.prepare()
    return start()


class Load:
    """Threads that create images, one after the other, and never give up on one; what they were told is true."""

    def __init__(self, api: rpcapi.RegistryAPI, threads: int = 4) -> None:
        self._api = api
        self._over = threading.Event()
        self.created: list[str] = []
        self.errors: list[Exception] = []
        self._threads = [threading.Thread(target=self._run) for _ in range(threads)]

    def _run(self) -> None:
        while not self._over.is_set():
            image_id = str(uuid.uuid4())
            try:
                self._create(image_id)
            except Exception as error:  # noqa: BLE001 - the test looks at it
                self.errors.append(error)
                return
            self.created.append(image_id)

    def _create(self, image_id: str) -> None:
        """As a client does: 503 means try again, and then the image may already be there."""
        deadline = time.monotonic() + 60
        was_unsure = False
        while True:
            try:
                self._api.image_create(MEMBER, {"id": image_id})
                return
            except exception.ImageExists:
                if was_unsure:
                    return
                raise
            except exception.Unavailable:
                was_unsure = True
                if time.monotonic() > deadline:
                    raise
                self._over.wait(0.05)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def progress(self, count: int = 20) -> None:
        """Wait until ``count`` more images were created."""
        goal = len(self.created) + count
        wait_for("more images", lambda: self.errors or len(self.created) >= goal)

    def __exit__(self, *_exc: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(60)

    def check(self, api: rpcapi.RegistryAPI) -> None:
        assert self.errors == []
        for image_id in self.created:
            assert api.image_get(MEMBER, image_id).version == 0


def _health(running: Running) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", running.deployment.registry_port, timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", "/healthcheck")
        response = connection.getresponse()
        return response.status, response.read().decode()


def _replaced(running: Running, old: list[psutil.Process]) -> Callable[[], Any]:
    def all_new() -> bool:
        workers = running.workers()
        return len(workers) == WORKERS and not {worker.pid for worker in workers} & {worker.pid for worker in old}

    return all_new


def test_without_schema_it_stays_up_and_needs_no_restart(make):
    deployment, start = make
    deployment.prepare()
    deployment.database.unlink()
    running = start(wait=False)
    wait_for("health port", lambda: _try(lambda: _health(running)))
    assert _health(running)[0] == 503
    with pytest.raises(exception.Unavailable):
        running.api.image_create(MEMBER, {"id": str(uuid.uuid4())})
    deployment.manage("db_sync")
    assert _health(running) == (200, "OK")
    running.api.image_create(MEMBER, {"id": str(uuid.uuid4())})


def _try(call: Callable[[], Any]) -> Any:
    with contextlib.suppress(OSError):
        return call()


def test_a_killed_worker_is_replaced_and_no_call_is_lost(running):
    with Load(running.api) as load:
        for index in (0, 1):
            load.progress()
            victim = running.workers()[index]
            victim.kill()
            wait_for("replaced worker", lambda victim=victim: _replaced(running, [victim])())
        load.progress()
    load.check(running.api)
    assert _health(running) == (200, "OK")


def test_hangup_replaces_the_workers_and_no_call_is_lost(running):
    old = wait_for("workers", lambda: running.workers() if len(running.workers()) == WORKERS else None)
    with Load(running.api) as load:
        load.progress()
        running.signal(signal.SIGHUP)
        wait_for("new workers", _replaced(running, old))
        load.progress()
    load.check(running.api)


def test_hangup_reads_the_configuration_again(running):
    config = running.deployment.config
    config.write_text(config.read_text().replace("[DEFAULT]", "[DEFAULT]\ndebug = true"))
    old = running.workers()
    assert " DEBUG " not in running.deployment.log("glance-registry")
    running.signal(signal.SIGHUP)
    wait_for("new workers", _replaced(running, old))
    wait_for("debug lines", lambda: running.api.ping(MEMBER) and " DEBUG " in running.deployment.log("glance-registry"))


def test_termination_finishes_what_is_under_way(running):
    answered = []

    def create() -> None:
        with contextlib.suppress(exception.Unavailable):
            while True:
                image_id = str(uuid.uuid4())
                running.api.image_create(MEMBER, {"id": image_id})
                answered.append(image_id)

    threads = [threading.Thread(target=create) for _ in range(8)]
    for thread in threads:
        thread.start()
    wait_for("some images", lambda: len(answered) > 20)
    workers = running.workers()
    assert running.deployment.terminate("glance-registry") == 0
    assert not any(worker.is_running() for worker in workers)
    for thread in threads:
        thread.join(60)
    running.deployment.start_registry()
    for image_id in answered:
        running.api.image_get(MEMBER, image_id)


def test_an_upload_whose_api_is_gone_is_aborted_in_time(running):
    image_id, upload_id = str(uuid.uuid4()), str(uuid.uuid4())
    running.api.image_create(MEMBER, {"id": image_id, "disk_format": "raw", "container_format": "bare"})
    running.api.upload_begin(MEMBER, image_id, upload_id, "fast", None, "host-1", "worker-1")
    wait_for("aborted upload", lambda: running.api.image_get(MEMBER, image_id).status == "queued")
    (item,) = running.api.cleanup_claim(MEMBER, "host-1", ["fast"])
    assert item.ref == upload_id


def test_a_taken_port_stops_the_start(running):
    arguments = ["--config-file", str(running.deployment.config)]
    done = psutil.Popen([sys.executable, "-m", "imagesvc.cmd.registry", *arguments], stderr=-1, stdout=-1)
    _, said = done.communicate(timeout=60)
    assert done.returncode == 1
    assert f"port {running.deployment.registry_port}" in said.decode().splitlines()[-1]
