"""R61: the functional suite again, with all of the service's programs under ``python -O``, which leaves out every assert."""

import pytest

from tests.fixtures.daemons import deployed
from tests.functional.conftest import *  # noqa: F403


@pytest.fixture(scope="session")
def _optimized():
    """Programs that are started from here on inherit it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONOPTIMIZE", "1")
        yield


@pytest.fixture(scope="module", autouse=True)
def _without_asserts(_optimized):
    """Also for services that modules and tests start for themselves."""


@pytest.fixture(scope="session")
def service(_optimized, tmp_path_factory):
    with deployed(tmp_path_factory.mktemp("service")) as deployment:
        yield deployment
