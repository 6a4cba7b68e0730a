"""R28, R29, R30: many clients, one image."""

import concurrent.futures
import http.client
import random
import threading

import pytest

from tests.fixtures.daemons import wait_for
from tests.fixtures.images import ImageClient, RawUpload, noise

CLIENTS = 16


def _together(url, calls):
    """Run the calls at once, each with a client of its own; their results in order."""
    barrier = threading.Barrier(len(calls))

    def run(call):
        client = ImageClient(url)
        barrier.wait()
        return call(client)

    with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_r28_of_many_uploads_one_wins(service, api, ledger):
    for round_number in range(3):
        image_id = api.created()
        bodies = [noise(300_000, seed=100 * round_number + n) for n in range(CLIENTS)]
        answers = _together(
            service.url,
            [lambda client, body=body, image_id=image_id: client.upload(image_id, body).status_code for body in bodies],
        )
        assert sorted(answers) == [204] + [409] * (CLIENTS - 1)
        ledger.store(image_id, bodies[answers.index(204)])
    ledger.check(service)


@pytest.mark.parametrize("seed", range(4))
def test_r29_delete_during_an_upload_wins(service, api, ledger, seed):
    dice = random.Random(seed)
    data = noise(3_000_000, seed)
    image_id = api.created()
    upload = RawUpload(service.url, image_id, length=len(data))
    cut = dice.randrange(100_000, len(data))
    upload.send(data[:cut])
    wait_for("saving image", lambda: api.status(image_id) == "saving")
    assert api.delete(image_id).status_code == 204
    ledger.delete(image_id)
    try:
        upload.send(data[cut:])
        status, _ = upload.finish()
    except (OSError, http.client.HTTPException):
        status = None  # told before the whole body was sent, by closing
    assert status in {None, 404, 410}
    ledger.check(service)


def test_r30_no_patch_is_lost(service, api, ledger):
    image_id = api.created()
    names = [f"property_{n}" for n in range(96)]

    def add(client, mine):
        return [client.patch(image_id, {"op": "add", "path": f"/{name}", "value": name}).status_code for name in mine]

    answers = _together(service.url, [lambda client, n=n: add(client, names[n::CLIENTS]) for n in range(CLIENTS)])
    assert {status for answer in answers for status in answer} == {200}
    image = api.show(image_id).json()
    assert [image.get(name) for name in names] == names
    ledger.check(service)
