"""The functional suite again, the very same tests, with the service's database on every server."""

import tempfile
from pathlib import Path

import pytest

from tests.fixtures import database
from tests.fixtures.daemons import deployed
from tests.functional.conftest import *  # noqa: F403


@pytest.fixture(scope="module", autouse=True)
def _on_server(on_server):
    """Services that modules and tests start for themselves are on it, too."""


@pytest.fixture(scope="module")
def tmp_path_factory(tmp_path_factory, on_server):
    """What a module makes once for all of its tests is made on its server, and anew on the next one."""
    return tmp_path_factory


@pytest.fixture(scope="session")
def service(server):
    with database.on(server):
        url = database.new_url()
    with (
        tempfile.TemporaryDirectory(prefix="imagesvc-service-") as directory,
        deployed(Path(directory), database_url=url) as deployment,
    ):
        yield deployment
