"""R35 for as long as it takes: hundreds of faults, on one host and on two; see tests/fault/test_history.py."""

import pytest

from tests.history import trial

_HOURS = 3600


@pytest.mark.timeout(4 * _HOURS)
@pytest.mark.parametrize(("hosts", "faults"), [(1, 500), (2, 100)])
def test_r35_nothing_is_lost_whatever_dies(tmp_path, capsys, hosts, faults):
    with trial.site(tmp_path, hosts) as site:
        verdict = trial.conduct(site, faults, trial.seed())
    with capsys.disabled():
        print(f"\n{verdict}")  # noqa: T201 -- the counts go into the release's notes
    assert not verdict.anomalies, verdict.report()
    assert len(verdict.faults) == faults
