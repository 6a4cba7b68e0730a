"""Each test breaks a service of its own."""

import pytest

from tests.fixtures.daemons import deployed
from tests.fixtures.images import ImageClient
from tests.fixtures.invariants import Ledger


@pytest.fixture
def options():
    """Options over the quick ones; modules override it."""
    return {}


@pytest.fixture
def environment():
    """Variables for the daemons; modules override it."""
    return {}


@pytest.fixture
def service(tmp_path, options, environment):
    with deployed(tmp_path, options, environment=environment) as deployment:
        yield deployment


@pytest.fixture
def api(service):
    return ImageClient(service.url)


@pytest.fixture
def ledger():
    return Ledger()
