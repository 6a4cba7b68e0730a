"""R61: the unit and contract suites again under ``python -O``, which leaves out every assert of the service's."""

import os
import subprocess
import sys

import pytest

from tests.fixtures.daemons import ROOT

#: What the suites take in CI, and as much again on a busy machine.
SECONDS = 3600
pytestmark = pytest.mark.timeout(SECONDS)


@pytest.mark.parametrize("suite", ["unit", "contract"])
def test_r61_no_assert_of_the_service_does_anything(suite, tmp_path):
    command = ["-O", "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--basetemp={tmp_path / 'work'}"]
    done = subprocess.run(
        # The warning is that asserts outside of tests are left out, which is the point.
        [sys.executable, *command, "-W", "ignore::pytest.PytestConfigWarning", f"tests/{suite}"],
        cwd=ROOT,
        env=os.environ | {"PYTHONOPTIMIZE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert " passed" in done.stdout.splitlines()[-1]
