"""R01: kill -9 of glance-api in the middle of uploads."""

import contextlib
import http.client
import os
import random
import signal

import pytest

from tests.fixtures.daemons import wait_for
from tests.fixtures.images import ImageClient, RawUpload, noise
from tests.fixtures.invariants import SETTLE_SECONDS

DATA = noise(6_000_000)
BLOCK = 200_000


def _send_until(upload: RawUpload, end: int) -> None:
    for start in range(0, end, BLOCK):
        upload.send(DATA[start : min(start + BLOCK, end)])


def _outcome(upload: RawUpload) -> int | None:
    """The answer's status, None when the connection broke first."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        return upload.finish()[0]
    upload.abandon()
    return None


def _assert_usable_again(api: ImageClient, image_id: str, outcome: int | None) -> None:
    """Acknowledged means active; else the image is queued soon and takes the data again, or it was active already."""
    if outcome == 204:
        assert api.status(image_id) == "active"
        return
    assert outcome is None or outcome in {409, 410, 503}, outcome
    status = wait_for(
        "queued or active image",
        lambda: api.status(image_id) in {"queued", "active"} and api.status(image_id),
        SETTLE_SECONDS,
    )
    if status == "queued":
        wait_for("accepted upload", lambda: api.upload(image_id, DATA).status_code == 204, SETTLE_SECONDS)


@pytest.mark.parametrize("seed", range(3))
def test_r01_a_worker_killed_at_random(service, api, ledger, seed):
    dice = random.Random(seed)
    for _ in range(8):
        image_id = api.created()
        upload = RawUpload(service.url, image_id, length=len(DATA))
        sent = dice.choice([BLOCK, dice.randrange(BLOCK, len(DATA)), len(DATA)])
        worker = service.worker_serving(upload.port)
        with contextlib.suppress(OSError):  # a killed worker's socket
            _send_until(upload, sent)
            if sent < len(DATA):
                wait_for("saving image", lambda image_id=image_id: api.status(image_id) == "saving")
        os.kill(worker, signal.SIGKILL)
        _assert_usable_again(api, image_id, _outcome(upload))
        ledger.store(image_id, DATA)
    ledger.check(service)


def test_r01_all_of_glance_api_killed(service, api, ledger):
    for sent in (BLOCK, len(DATA) // 2, len(DATA) - 1):
        image_id = api.created()
        upload = RawUpload(service.url, image_id, length=len(DATA))
        _send_until(upload, sent)
        wait_for("saving image", lambda image_id=image_id: api.status(image_id) == "saving")
        service.kill("glance-api")
        assert _outcome(upload) is None
        service.start_api()
        _assert_usable_again(api, image_id, None)
        ledger.store(image_id, DATA)
    ledger.check(service)
