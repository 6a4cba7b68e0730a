"""R35 for as long as it takes: hundreds of faults, on one host and on two; see tests/fault/test_history.py.

Four trials of 125 faults are 500; ``IMAGESVC_FAULTS`` is how many each has, ``IMAGESVC_SEED`` repeats the dice of a former run.
"""

import os

import pytest

from tests.fixtures.servers import KINDS
from tests.history import hosts, trial

FAULTS = int(os.environ.get("IMAGESVC_FAULTS", "125"))
_HOURS = 3600


def _judge(site, capsys):
    verdict = trial.conduct(site, FAULTS, trial.seed())
    with capsys.disabled():
        print(f"\n{verdict}")  # noqa: T201 -- the counts go into the release's notes
    assert not verdict.anomalies, verdict.report()
    assert len(verdict.faults) == FAULTS


@pytest.mark.timeout(6 * _HOURS)
@pytest.mark.parametrize("number", [1, 2])
def test_r35_nothing_is_lost_whatever_dies(tmp_path, capsys, number):
    with trial.site(tmp_path, number) as site:
        _judge(site, capsys)


@pytest.mark.timeout(6 * _HOURS)
@pytest.mark.parametrize("database", [*KINDS])
def test_r35_nothing_is_lost_between_hosts_broker_and_database(tmp_path, capsys, database):
    with hosts.two(tmp_path, database) as site:
        _judge(site, capsys)
