"""R35 for as long as it takes: hundreds of faults, on one host and on two; see tests/fault/test_history.py.

``IMAGESVC_FAULTS`` is how many faults each trial has, ``IMAGESVC_SEED`` repeats the dice of a former run.
"""

import os

import pytest

from tests.fixtures import rabbit, rabbit_wire, servers
from tests.history import trial
from tests.history.servers import faults_of_broker, faults_of_database

FAULTS = int(os.environ.get("IMAGESVC_FAULTS", "500"))
_HOURS = 3600


@pytest.fixture(scope="module")
def broker():
    with rabbit.running() as started:
        yield started


@pytest.fixture
def link(broker):
    made = rabbit_wire.Link(broker.port)
    yield made
    made.close()


@pytest.fixture
def database(request):
    with servers.started(servers.KINDS[request.param]) as server:
        yield server


def _judge(site, capsys):
    verdict = trial.conduct(site, FAULTS, trial.seed())
    with capsys.disabled():
        print(f"\n{verdict}")  # noqa: T201 -- the counts go into the release's notes
    assert not verdict.anomalies, verdict.report()
    assert len(verdict.faults) == FAULTS


@pytest.mark.timeout(6 * _HOURS)
@pytest.mark.parametrize("hosts", [1, 2])
def test_r35_nothing_is_lost_whatever_dies(tmp_path, capsys, hosts):
    with trial.site(tmp_path, hosts) as site:
        _judge(site, capsys)


@pytest.mark.timeout(6 * _HOURS)
@pytest.mark.parametrize("database", [*servers.KINDS], indirect=True)
def test_r35_nothing_is_lost_between_hosts_broker_and_database(tmp_path, capsys, broker, link, database):
    transport_url = broker.url(broker.vhost(), port=link.port)
    faults = faults_of_broker(broker, link) | faults_of_database(database)
    with trial.site(tmp_path, 2, transport_url, database.url(database.create()), faults) as site:
        _judge(site, capsys)
