"""One service for the whole suite; a test that kills or reconfigures it starts its own."""

import pytest

from tests.fixtures.cli import CommandLine
from tests.fixtures.daemons import deployed
from tests.fixtures.images import ImageClient


@pytest.fixture(scope="session")
def service(tmp_path_factory):
    with deployed(tmp_path_factory.mktemp("service")) as deployment:
        yield deployment


@pytest.fixture
def api(service):
    return ImageClient(service.url)


@pytest.fixture
def cli(service):
    return CommandLine(service.url)
