"""Uploads in processes of their own: killed, limited, measured, and under eventlet."""

import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]


def _run(*arguments):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", *map(str, arguments)],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _script(text, directory):
    return _run("-c", _PROLOGUE + text, directory)


_PROLOGUE = """
import os, resource, sys
from pathlib import Path
from imagesvc import exception
from imagesvc.context import RequestContext
from tests.fixtures.stores import IMAGE, FakeRegistry, Service, Source, Zeros, sums
CONTEXT = RequestContext(overwrite=False)
ROOT = Path(sys.argv[1])
"""


@pytest.mark.parametrize("size", [1024, 6 << 20])
def test_a_kill_at_any_system_call_leaves_all_or_nothing(tmp_path, size):
    lines = _run("-m", "tests.fixtures.crash_points", tmp_path, size).splitlines()
    assert len(lines) >= 20
    assert any(line.endswith("completed") for line in lines)
    assert any(line.endswith("undone") for line in lines)


_FULL = """
service = Service(ROOT)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))
data = bytes(6 << 20)
for size in (len(data), None):
    try:
        service.uploads.upload(CONTEXT, IMAGE, Source(data), size)
        raise SystemExit("a file larger than the limit was stored")
    except exception.StoreFull:
        pass
    assert service.files() == [], service.files()
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert service.uploads.upload(CONTEXT, IMAGE, Source(data), len(data)).status == "active"
"""


def test_a_store_that_is_full_works_again_when_it_is_not(tmp_path):
    _script(_FULL, tmp_path)


_MEMORY = """
def peak():
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1])

service = Service(ROOT, "[glance_store]\\nfilesystem_thin_provisioning = true\\n")
peaks = []
for size in (64 << 20, 64 << 20, 2 << 30):
    service.registry = service.uploads._registry = FakeRegistry()
    assert service.uploads.upload(CONTEXT, IMAGE, Zeros(size)).size == size
    (service.root / IMAGE).unlink()
    peaks.append(peak())
print(peaks[2] - peaks[1])
"""


def test_memory_does_not_grow_with_the_image(tmp_path):
    assert int(_script(_MEMORY, tmp_path)) <= 4096


_GREEN = (
    """
import eventlet
eventlet.monkey_patch()
import greenlet
"""
    + _PROLOGUE
    + """
from imagesvc.api.server import GreenOffload

ticks = [0]
def tick():
    while True:
        ticks[0] += 1
        eventlet.sleep(0)

class Slow(Source):
    def read(self, size=-1):
        eventlet.sleep(0.001)
        return super().read(size)

def upload(name, data):
    directory = ROOT / name
    directory.mkdir()
    service = Service(directory, offload=GreenOffload())
    service.registry.lease_seconds = 0.05
    image = service.uploads.upload(CONTEXT, IMAGE, Slow(data, piece=100_000), len(data))
    assert (image.checksum, image.os_hash_value) == sums(data)
    assert (service.root / IMAGE).read_bytes() == data
    assert service.files() == [IMAGE]
    body = service.stores.open(image.locations[0])
    assert b"".join(body) == data
    body.close()
    return service.registry.calls

eventlet.spawn(tick)
data = [bytes(range(256)) * (4096 * n) for n in (0, 1, 20, 30)]
threads = [eventlet.spawn(upload, str(n), item) for n, item in enumerate(data)]
calls = [thread.wait() for thread in threads]
assert "upload_renew" in calls[-1], calls
assert ticks[0] > 100, ticks

def broken():
    directory = ROOT / "broken"
    directory.mkdir()
    service = Service(directory, offload=GreenOffload())
    try:
        service.uploads.upload(CONTEXT, IMAGE, Slow(data[2], piece=100_000, error=ConnectionResetError()))
    except ConnectionResetError:
        assert service.files() == []
        return True

assert eventlet.spawn(broken).wait()

def killed():
    directory = ROOT / "killed"
    directory.mkdir()
    service = Service(directory, offload=GreenOffload())
    class Stuck(Source):
        def read(self, size=-1):
            return super().read(size) or eventlet.sleep(1000)
    thread = eventlet.spawn(service.uploads.upload, CONTEXT, IMAGE, Stuck(data[2]))
    while not any(".staging" in name for name in service.files()):
        eventlet.sleep(0.01)
    thread.kill()
    try:
        thread.wait()
    except greenlet.GreenletExit:
        pass
    assert service.files() == []
    assert service.registry.intents == {}

killed()
"""
)


def test_uploads_under_eventlet_leave_the_hub_free(tmp_path):
    _run("-c", _GREEN, tmp_path)
