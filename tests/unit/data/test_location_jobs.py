import hashlib
import threading
from types import SimpleNamespace

import pytest

from imagesvc import exception, objects
from imagesvc.data import location_jobs
from imagesvc.store.body import StreamBody
from tests.fixtures.daemons import wait_for
from tests.fixtures.rpc import make_context

MEMBER = make_context(roles=["member"], project_id="p1")
DATA = b"some data " * 1000
PIECES = [DATA[start : start + 777] for start in range(0, len(DATA), 777)]
SHA256 = hashlib.sha256(DATA).hexdigest()
HASHES = {
    "checksum": hashlib.md5(DATA, usedforsecurity=False).hexdigest(),
    "os_hash_algo": "sha512",
    "os_hash_value": hashlib.sha512(DATA).hexdigest(),
}


class _Registry:
    """Notes what it is told."""

    def __init__(self):
        self.told = []
        self.orphans = []
        self.fenced = False

    def location_add(self, _context, image_id, place, job_id, worker):
        self.told.append(("add", image_id, place["url"], worker))
        return _job(job_id=job_id)

    def location_renew(self, *_arguments):
        if self.fenced:
            raise exception.LocationFenced(job_id="j")

    def location_activate(self, _context, _job_id, _worker, size, hashes):
        self.told.append(("activate", size, hashes))

    def location_hash(self, _context, _job_id, _worker, hashes):
        self.told.append(("hash", hashes))

    def location_fail(self, _context, _job_id, _worker, reason):
        self.told.append(("fail", reason))

    def location_take_over(self, _context, worker, stores):
        self.told.append(("look", worker, tuple(stores)))
        return self.orphans.pop() if self.orphans else None


class _Stores:
    def __init__(self):
        self.errors = []
        self.told_size = len(DATA)
        self.pieces = PIECES
        self.closed = 0

    def ids(self):
        return ["web"]

    def size(self, location):
        assert location == objects.Location("http://web/x", {"store": "web"})
        self._fail()
        return self.told_size

    def open(self, location):
        self._fail()
        body = StreamBody(self.pieces, self.told_size, 0, self.told_size)
        body.close = self._close
        return body

    def _close(self):
        self.closed += 1

    def _fail(self):
        if self.errors:
            error = self.errors.pop()
            if error is not None:
                raise error


def _job(**fields):
    known = {
        "job_id": "j",
        "image_id": "i",
        "phase": "importing",
        "url": "http://web/x",
        "store": "web",
        "os_hash_algo": None,
        "os_hash_value": None,
        "lease_seconds": 30,
    }
    return objects.LocationJob(**{**known, **fields})


class _Service:
    def __init__(self, **options):
        conf = {
            "hashing_algorithm": "sha512",
            "image_size_cap": 10**6,
            "do_secure_hash": True,
            "http_retries": 2,
            "janitor_interval": 0.01,
            **options,
        }
        self.registry, self.stores = _Registry(), _Stores()
        self.runner = location_jobs.LocationRunner(self.registry, self.stores, SimpleNamespace(**conf), "w")

    def run(self, **fields):
        self.runner.run(MEMBER, _job(**fields))
        return self.registry.told


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    monkeypatch.setattr(location_jobs, "_FIRST_PAUSE_SECONDS", 0.001)


@pytest.fixture
def service():
    return _Service()


AWAY = exception.StoreUnavailable(store="web")


def test_data_of_which_nothing_is_said_is_there_before_it_is_read(service):
    assert service.run() == [("activate", len(DATA), None), ("hash", HASHES)]
    assert service.stores.closed == 1


def test_data_must_be_what_was_said_before_it_is_there(service):
    told = service.run(os_hash_algo="sha256", os_hash_value=SHA256)
    assert told == [("activate", len(DATA), {**HASHES, "os_hash_algo": "sha256", "os_hash_value": SHA256})]
    [(what, reason)] = _Service().run(os_hash_algo="sha256", os_hash_value="0" * 64)
    assert (what, "sha256" in reason) == ("fail", True)


def test_without_secure_hash_what_is_said_is_believed():
    service = _Service(do_secure_hash=False)
    said = {"os_hash_algo": "sha256", "os_hash_value": "0" * 64}
    assert service.run(**said) == [("activate", len(DATA), said)]
    assert _Service(do_secure_hash=False).run() == [("activate", len(DATA), {})]


def test_a_server_that_tells_no_size_is_read_first(service):
    service.stores.told_size = None
    assert service.run() == [("activate", len(DATA), HASHES)]
    believing = _Service(do_secure_hash=False)
    believing.stores.told_size = None
    assert [what for what, *_ in believing.run()] == ["fail"]


def test_a_job_that_was_taken_over_goes_on_where_it_was(service):
    assert service.run(phase="hashing") == [("hash", HASHES)]


@pytest.mark.parametrize("failures", [[AWAY, AWAY], [AWAY, None, AWAY]])
def test_what_cannot_be_read_is_tried_again(service, failures):
    service.stores.errors = list(failures)
    assert service.run() == [("activate", len(DATA), None), ("hash", HASHES)]


@pytest.mark.parametrize(
    ("errors", "told"),
    [([AWAY] * 3, ["fail"]), ([exception.BlobNotFound(store="web")], ["fail"]), ([OSError()], ["fail"])],
)
def test_and_then_given_up(service, errors, told):
    service.stores.errors = list(errors)
    assert [what for what, *_ in service.run()] == told


def test_more_or_less_data_than_its_server_told_is_of_no_use(service):
    for pieces in ([*PIECES, b"x"], PIECES[:-1]):
        broken = _Service(http_retries=0)
        broken.stores.pieces = pieces
        told = broken.run(os_hash_algo="sha256", os_hash_value=SHA256)
        # What is beyond the length that was told is not read.
        assert [what for what, *_ in told] == (["activate"] if len(pieces) > len(PIECES) else ["fail"])


def test_data_is_read_up_to_the_size_cap():
    service = _Service(image_size_cap=len(DATA) - 1)
    assert [what for what, *_ in service.run()] == ["activate", "fail"]


def test_a_job_that_is_given_up_elsewhere_ends(service):
    service.registry.fenced = True
    service.stores.pieces = _endless(service)
    service.runner.run(MEMBER, _job(lease_seconds=0.03, os_hash_algo="sha256", os_hash_value=SHA256))
    assert service.registry.told == []


def _endless(service):
    waiting = threading.Event()
    service.stores.told_size = 10**6
    while True:
        waiting.wait(0.001)
        yield b"x"


def test_adding_returns_before_the_data_is_looked_at(service):
    service.runner.add(MEMBER, "i", {"url": "http://web/x"})
    wait_for("hash", lambda: service.registry.told[-1:] == [("hash", HASHES)])
    assert service.registry.told[0] == ("add", "i", "http://web/x", "w")


def test_jobs_of_the_dead_are_looked_for(service):
    service.registry.orphans = [_job(), _job(phase="hashing")]
    service.runner.start()
    wait_for("both hashes", lambda: service.registry.told.count(("hash", HASHES)) == 2)
    service.runner.stop()
    assert ("look", "w", ("web",)) in service.registry.told
