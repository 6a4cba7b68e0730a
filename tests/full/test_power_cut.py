"""R06: the power fails under the file store and SQLite; nothing acknowledged is lost, no hand is needed afterwards.

EXT4_IOC_SHUTDOWN without flushing the log is what a power cut is to a file system: what was not synchronized is gone.
"""

import fcntl
import os
import random
import struct
import threading
import time

import pytest
import requests

from tests.fixtures.daemons import Deployment, wait_for
from tests.fixtures.images import ImageClient, noise
from tests.fixtures.invariants import Ledger

_EXT4_IOC_SHUTDOWN = 0x8004587D
_NOLOGFLUSH = struct.pack("I", 2)


def _cut_power(directory) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.ioctl(descriptor, _EXT4_IOC_SHUTDOWN, _NOLOGFLUSH)
    finally:
        os.close(descriptor)


class Writer(threading.Thread):
    """Uploads and deletes until the power fails; writes down what was acknowledged."""

    def __init__(self, url: str, seed: int) -> None:
        super().__init__()
        self._api = ImageClient(url, timeout=60)
        self._dice = random.Random(seed)
        self.ledger = Ledger()

    def run(self) -> None:
        try:
            while True:
                self._one_image()
        except requests.RequestException:
            return  # the power has failed

    def _one_image(self) -> None:
        data = noise(self._dice.randrange(1, 2_000_000), self._dice.randrange(1 << 30))
        created = self._api.create()
        if created.status_code != 201:
            return
        image_id = created.json()["id"]
        if self._api.upload(image_id, data).status_code == 204:
            self.ledger.store(image_id, data)
            if self._dice.random() < 0.3:
                del self.ledger.stored[image_id]  # its fate is open until the answer comes
                if self._api.delete(image_id).status_code == 204:
                    self.ledger.delete(image_id)


@pytest.mark.parametrize("seed", range(5))
def test_r06_nothing_acknowledged_is_lost_in_a_power_cut(ext4, tmp_path, seed):
    service = Deployment(ext4.directory / "service")
    try:
        service.prepare()
        os.sync()  # the installation was yesterday
        service.start()
        writers = [Writer(service.url, 10 * seed + n) for n in range(4)]
        for writer in writers:
            writer.start()
        wait_for("acknowledged uploads", lambda: sum(len(w.ledger.stored) for w in writers) >= 6 + seed, 60)
        time.sleep(random.Random(seed).random())  # not waiting for anything: the moment of the cut is the test's dice
        _cut_power(ext4.directory)
        service.kill("glance-api")
        service.kill("glance-registry")
        for writer in writers:
            writer.join()
        ext4.unmount()
        ext4.mount()
        service.start()
        everything = Ledger()
        for writer in writers:
            everything.stored |= writer.ledger.stored
            everything.deleted |= writer.ledger.deleted
        everything.check(service)
        assert ImageClient(service.url).create().status_code == 201
    finally:
        service.close()
