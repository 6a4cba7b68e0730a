"""The schema on the way from this release to the next, without the hours that tests/full takes to drive through it under load."""

import subprocess

import pytest

from imagesvc import exception
from imagesvc.registry.db import session
from tests.fixtures import database, releases
from tests.fixtures.daemons import BIN


@pytest.fixture
def conf(tmp_path):
    return database.make_current(tmp_path / "state")


@pytest.fixture
def manage(tmp_path):
    """Run glance-manage of the next release; its exit status."""
    environment = releases.next_release(tmp_path / "next")
    config = tmp_path / "glance.conf"
    config.write_text(f"[DEFAULT]\nstate_path = {tmp_path / 'state'}\n")

    def run(*arguments):
        command = [BIN / "glance-manage", "--config-file", config, *arguments]
        return subprocess.run(command, env=environment, capture_output=True, check=False, timeout=120).returncode

    return run


def test_this_release_works_until_the_next_one_contracts_the_schema(conf, manage):
    steps = [("check", 3), ("expand", 0), ("migrate", 0), ("check", 5)]
    for step, status in steps:
        assert manage("db", step) == status, step
        session.Database(conf).check_schema()
    assert manage("db", "contract") == 0
    assert manage("db", "check") == 0
    with pytest.raises(exception.SchemaMissing):
        session.Database(conf).check_schema()
