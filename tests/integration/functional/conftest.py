"""The functional suite again, the very same tests, with the service's database on every server."""

import pytest

from tests.fixtures import database
from tests.fixtures.daemons import deployed
from tests.functional.conftest import *  # noqa: F403


@pytest.fixture(scope="module", autouse=True)
def _on_server(on_server):
    """Services that modules and tests start for themselves are on it, too."""


@pytest.fixture(scope="session")
def service(server, tmp_path_factory):
    with database.on(server):
        url = database.new_url()
    with deployed(tmp_path_factory.mktemp("service"), database_url=url) as deployment:
        yield deployment
