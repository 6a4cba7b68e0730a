"""R03: the registry dies at every system call of each kind of change, on either transport."""

import collections
import contextlib

import pytest

from tests.fixtures import bus, database, every_call, rabbit, servers
from tests.fixtures.daemons import deployed


@contextlib.contextmanager
def _rabbitmq():
    with rabbit.running(vhosts=2) as broker, bus.on(broker.new_options):
        yield


@contextlib.contextmanager
def _rabbitmq_and_mariadb():
    with servers.started(servers.MariaDB) as server, database.on(server), _rabbitmq():
        yield


_PLACES = {"local": contextlib.nullcontext, "rabbit": _rabbitmq, "rabbit and mariadb": _rabbitmq_and_mariadb}


@pytest.fixture(scope="module", params=[*_PLACES])
def service(request, tmp_path_factory):
    with _PLACES[request.param](), deployed(tmp_path_factory.mktemp("site"), every_call.OPTIONS) as deployment:
        yield deployment


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", [*every_call.OPERATIONS])
def test_r03_a_registry_that_dies_at_a_call_leaves_one_effect_and_an_answer(service, capsys, name):
    deaths = every_call.sweep(service, name)
    with capsys.disabled():
        print(f"\n{name}: {len(deaths)} deaths, {collections.Counter(deaths)}")  # noqa: T201 -- the counts go into the notes
    # Its answer was reached, and with SQLite its commit.
    assert {"sendto", "sendmsg", "write"} & set(deaths)
    assert service.database_url or "fdatasync" in deaths
