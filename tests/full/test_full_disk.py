"""R08: a full file system under the store, and under everything."""

import errno

import pytest

from tests.fixtures.daemons import deployed, wait_for
from tests.fixtures.images import ImageClient, noise
from tests.fixtures.invariants import Ledger

DATA = noise(3_000_000)


def test_r08_a_full_store_is_413_and_works_again_when_there_is_room(small_tmpfs, tmp_path):
    options = {"glance_store": {"filesystem_store_datadir": small_tmpfs.directory}}
    with deployed(tmp_path / "service", options) as service:
        api = ImageClient(service.url)
        first = api.uploaded(DATA)
        api.uploaded(DATA)
        third = api.created()
        for body in (DATA, iter([DATA])):  # refused for its announced size, and when the disk is full
            response = api.upload(third, body)
            assert response.status_code == 413, response.text
            assert api.status(third) == "queued"
        assert api.download(first).content == DATA
        assert api.delete(first).status_code == 204
        wait_for("room", lambda: api.upload(third, DATA).status_code == 204)
        assert api.download(third).content == DATA


@pytest.mark.usefixtures("small_tmpfs")
def test_r08_with_everything_on_a_full_disk_reads_go_on(small_tmpfs):
    with deployed(small_tmpfs.directory / "service") as service:
        api, ledger = ImageClient(service.url), Ledger()
        ledger.store(api.uploaded(DATA), DATA)
        filler = small_tmpfs.directory / "filler"
        with filler.open("wb", buffering=0) as file:
            try:
                while file.write(bytes(4096)):
                    pass
            except OSError as exc:
                assert exc.errno == errno.ENOSPC  # noqa: PT017 -- full is what it should become
        assert api.create().status_code in {413, 503}
        (stored,) = ledger.stored
        assert api.download(stored).content == DATA
        filler.unlink()
        wait_for("accepted image", lambda: api.create().status_code == 201)
        ledger.check(service)
