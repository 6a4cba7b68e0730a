"""A hundred uploads and a hundred slow downloads at once: all of them right, in bounded memory, and others are served meanwhile."""

import hashlib
import http.client
import threading

import pytest

from tests.fixtures.daemons import deployed, wait_for
from tests.fixtures.images import ImageClient, RawUpload, noise

pytestmark = pytest.mark.timeout(1800)

TRANSFERS = 100
MEBIBYTE = 1 << 20
#: Of one image; more than sockets' buffers and blocks in flight hold.
SIZE = 16 * MEBIBYTE
PIECE = 256 << 10
#: What a process may take: about 100 MiB without transfers, and a few blocks for each of those it has.
BOUND = 600 * MEBIBYTE
#: A busy machine takes its time, and nothing here is about that.
PATIENT = {
    "DEFAULT": {"workers": 2, "body_idle_timeout": 900},
    "registry": {"upload_lease": 120},
    "rpc": {"metadata_deadline": 200, "commit_deadline": 200, "try_timeout": 60},
}


def _upload(url, image_id, statuses, number, data, all_begun):
    """Send half, wait until everybody has, send the rest."""
    upload = RawUpload(url, image_id, SIZE, timeout=300)
    for start in range(0, SIZE, PIECE):
        if start == SIZE // 2:
            all_begun.wait(300)
        upload.send(data[start : start + PIECE])
    statuses[number] = upload.finish()[0]


def _download(url, image_id, digests, number, all_begun):
    """Read half in small pieces, wait until everybody has, read the rest."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=300)
    connection.request("GET", f"/v2/images/{image_id}/file")
    response = connection.getresponse()
    digest = hashlib.sha512()
    waits = True
    received = 0
    while piece := response.read(PIECE):
        digest.update(piece)
        received += len(piece)
        if waits and received >= SIZE // 2:
            all_begun.wait(300)
            waits = False
    digests[number] = digest.hexdigest()
    connection.close()


def _all(target, *arguments_of):
    threads = [threading.Thread(target=target, args=arguments) for arguments in arguments_of]
    for thread in threads:
        thread.start()
    return threads


def _peaks(service):
    """Highest resident memory so far of each process, in bytes."""
    peaks = {}
    for name in ("glance-api", "glance-registry"):
        for process in service.processes_of(name):
            with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
                fields = dict(line.split(":", 1) for line in status)
            peaks[f"{name} {process.pid}"] = int(fields["VmHWM"].split()[0]) * 1024
    return peaks


def _check(service, begun):
    """With all transfers half-way: others are served, and memory is bounded."""
    wait_for("transfers half-way", lambda: begun.n_waiting == TRANSFERS, 300)
    assert ImageClient(service.url, timeout=300).list("?limit=5").status_code == 200
    begun.wait(300)


def test_a_hundred_uploads(tmp_path):
    data = noise(SIZE)
    statuses = {}
    with deployed(tmp_path, PATIENT) as service:
        client = ImageClient(service.url, timeout=300)
        images = [client.created() for _ in range(TRANSFERS)]
        begun = threading.Barrier(TRANSFERS + 1)
        threads = _all(
            _upload, *((service.url, image_id, statuses, n, data, begun) for n, image_id in enumerate(images))
        )
        _check(service, begun)
        for thread in threads:
            thread.join(600)
        peaks = _peaks(service)
        assert list(statuses.values()) == [204] * TRANSFERS
        assert max(peaks.values()) < BOUND
        digest = hashlib.sha512(data).hexdigest()
        assert {client.show(image_id).json()["os_hash_value"] for image_id in images} == {digest}


def test_a_hundred_slow_downloads(tmp_path):
    data = noise(SIZE)
    digests = {}
    with deployed(tmp_path, PATIENT) as service:
        image_id = ImageClient(service.url).uploaded(data)
        begun = threading.Barrier(TRANSFERS + 1)
        threads = _all(_download, *((service.url, image_id, digests, number, begun) for number in range(TRANSFERS)))
        _check(service, begun)
        for thread in threads:
            thread.join(600)
        peaks = _peaks(service)
        assert set(digests.values()) == {hashlib.sha512(data).hexdigest()}
        assert len(digests) == TRANSFERS
        assert max(peaks.values()) < BOUND
