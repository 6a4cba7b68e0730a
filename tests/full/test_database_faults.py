"""R26 with the product's own deadlines and leases, for longer: see tests/integration/test_database_faults.py.

``IMAGESVC_ROUNDS`` is how often each of the faults comes, ``IMAGESVC_SEED`` repeats their order.
"""

import os
import random
import time

import pytest

from tests.fixtures import database, load
from tests.fixtures.daemons import deployed
from tests.history import trial
from tests.integration import test_database_faults as short
from tests.integration.conftest import mariadb, on_server, postgresql, server  # noqa: F401 - fixtures

ROUNDS = int(os.environ.get("IMAGESVC_ROUNDS", "10"))
FREEZE_SECONDS = 20
_HOURS = 3600


@pytest.fixture(scope="module")
def service(on_server, tmp_path_factory):  # noqa: F811
    options = {"registry": {"upload_lease": 30, "workers": 2}}
    with deployed(tmp_path_factory.mktemp("service"), options, database_url=database.new_url()) as deployment:
        yield deployment


def frozen(server, clients):  # noqa: F811
    """Beyond every deadline."""
    with server.frozen():
        time.sleep(FREEZE_SECONDS)


FAULTS = [short.restarted, short.killed, frozen, short.cut_off, short.read_only, short.full]


@pytest.mark.timeout(2 * _HOURS)
def test_r26_nothing_is_lost_or_doubled(service, server, capsys):  # noqa: F811
    seed = trial.seed()
    print(f"IMAGESVC_SEED={seed}")  # noqa: T201 -- without it a failed run could not be repeated
    dice = random.Random(seed)
    back = []
    with load.running(service, clients=6, with_data=True) as clients:
        for _ in range(ROUNDS):
            for fault in dice.sample(FAULTS, len(FAULTS)):
                fault(server, clients)
                began = time.monotonic()
                clients.wait_for_progress(1)
                back.append(time.monotonic() - began)
                clients.wait_for_progress(20)
    clients.check()
    clients.check_data()
    with capsys.disabled():
        counts = f"{len(back)} faults, {clients.acknowledged()} changes, {clients.refused()} answers of 503"
        print(f"\n{server.name}: {counts}, back after {max(back):.1f} s at most")  # noqa: T201 -- for the release's notes
