"""R03 across hosts, with the change that takes the fewest calls; tests/full has all of them."""

import pytest

from tests.fixtures import bus, database, every_call
from tests.fixtures.daemons import deployed

pytest_plugins = ["tests.fixtures.rabbit_seam"]


@pytest.fixture
def service(broker, mariadb, tmp_path):
    with database.on(mariadb), bus.on(broker.new_options), deployed(tmp_path, every_call.OPTIONS) as deployment:
        yield deployment


def test_r03_a_registry_that_dies_at_a_call_leaves_one_effect_and_an_answer(service):
    assert len(every_call.sweep(service, "member")) > 4
