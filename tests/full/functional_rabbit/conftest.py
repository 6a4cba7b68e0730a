"""The functional suite again, the very same tests, with the daemons meeting at RabbitMQ."""

import pytest

from tests.fixtures import bus
from tests.fixtures.daemons import deployed
from tests.functional.conftest import *  # noqa: F403


def pytest_configure(config):
    config.pluginmanager.import_plugin("tests.fixtures.rabbit_seam")


@pytest.fixture(scope="session")
def at_rabbitmq(one_broker):
    """What :func:`tests.fixtures.bus.on` takes."""
    return one_broker.new_options


@pytest.fixture(scope="module", autouse=True)
def _at_rabbitmq(at_rabbitmq):
    """Services that modules and tests start for themselves meet there, too."""
    with bus.on(at_rabbitmq):
        yield


@pytest.fixture(scope="session")
def service(at_rabbitmq, tmp_path_factory):
    with bus.on(at_rabbitmq), deployed(tmp_path_factory.mktemp("service")) as deployment:
        yield deployment
