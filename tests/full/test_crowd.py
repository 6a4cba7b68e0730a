"""R39, R40: crowds of idle and slow clients, and how others fare meanwhile."""

import concurrent.futures
import contextlib
import resource
import selectors
import socket
import statistics
import sys
import time

import pytest

from tests.fixtures.daemons import deployed, wait_for
from tests.fixtures.http_server import read_head
from tests.fixtures.images import ImageClient, RawUpload

IDLE, SLOW_HEADS, SLOW_BODIES, SLOW_READERS = 1000, 200, 200, 500
MEMORY = 150 << 20


@pytest.fixture(autouse=True)
def _many_files():
    """Also for the daemons, which inherit it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 16_384), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def connected(service, data):
    sock = socket.create_connection(("127.0.0.1", service.api_port), timeout=60)
    sock.sendall(data)
    return sock


def is_closed(sock):
    sock.setblocking(False)
    try:
        return sock.recv(1 << 16) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def others(service, image_id, say):
    """Four clients show an image; all of them are answered, and how fast is told."""

    def show(_number):
        started = time.monotonic()
        assert ImageClient(service.url).show(image_id).status_code == 200
        return time.monotonic() - started

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        seconds = sorted(pool.map(show, range(400)))
    sys.stdout.write(f"{say}: p50 {statistics.median(seconds) * 1000:.1f} ms, p99 {seconds[395] * 1000:.1f} ms\n")


def test_r39_idle_and_slow_connections_keep_nobody_else_waiting(tmp_path):
    # With leases of the product's own length: those of tests would keep the database busy with 200 uploads.
    options = {"DEFAULT": {"workers": 2}, "registry": {"upload_lease": 30}}
    with deployed(tmp_path, options) as service, contextlib.ExitStack() as stack:
        api = ImageClient(service.url)
        image_id = api.created()
        others(service, image_id, "alone")
        before = service.peak_memory("glance-api")
        for _ in range(IDLE):
            sock = stack.enter_context(connected(service, b"GET /v2/schemas/image HTTP/1.1\r\nHost: x\r\n\r\n"))
            assert read_head(sock).startswith(b"HTTP/1.1 200")
        heads = [
            stack.enter_context(connected(service, b"GET /v2/images HTTP/1.1\r\nHost: x\r\nX-Slow: "))
            for _ in range(SLOW_HEADS)
        ]
        images = [api.created() for _ in range(SLOW_BODIES)]
        uploads = [RawUpload(service.url, slow, length=1000) for slow in images]
        for upload in uploads:
            upload.send(b"slow")
        wait_for("begun uploads", lambda: {api.status(slow) for slow in images} == {"saving"}, 120)
        others(service, image_id, f"beside {IDLE} idle and {SLOW_HEADS} + {SLOW_BODIES} slow connections")
        assert service.peak_memory("glance-api") - before < MEMORY
        # header_timeout is 30 s, body_idle_timeout 60 s.
        wait_for("end of slow headers", lambda: all(map(is_closed, heads)), 120)
        wait_for("end of slow bodies", lambda: {api.status(slow) for slow in images} == {"queued"}, 180)
        assert all(upload.finish()[0] == 400 for upload in uploads)
        assert "Traceback" not in service.log("glance-api")


def test_r40_slow_readers_keep_nobody_else_waiting_and_are_cut_off_if_a_rate_is_demanded(tmp_path):
    options = {"DEFAULT": {"workers": 2, "min_transfer_rate": 10_000}}
    with deployed(tmp_path, options) as service, contextlib.ExitStack() as stack:
        api = ImageClient(service.url)
        image_id = api.created()
        assert api.upload(image_id, (bytes(1 << 20) for _ in range(64))).status_code == 204
        others(service, image_id, "alone")
        before = service.peak_memory("glance-api")
        request = f"GET /v2/images/{image_id}/file HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        readers = selectors.DefaultSelector()
        for _ in range(SLOW_READERS):
            sock = stack.enter_context(connected(service, request))
            sock.setblocking(False)
            readers.register(sock, selectors.EVENT_READ)
        others(service, image_id, f"beside {SLOW_READERS} slow readers")

        def sip():
            """Each takes 1 KiB a second at most; True when the service serves none of them any more."""
            for key, _ in readers.select(0):
                try:
                    gone = not key.fileobj.recv(1024)
                except ConnectionError:
                    gone = True
                if gone:
                    readers.unregister(key.fileobj)
            time.sleep(1)  # the rate under test
            return service.log("glance-api").count("(incomplete)") == SLOW_READERS

        wait_for("end of all slow readers", sip, 240)
        assert service.peak_memory("glance-api") - before < MEMORY
        others(service, image_id, "afterwards")
