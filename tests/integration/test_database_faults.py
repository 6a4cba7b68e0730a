"""R26: the database server goes away under a load, in every way it can, and comes back; the service needs no help."""

import pytest

from tests.fixtures import database, load
from tests.fixtures.daemons import deployed

#: Clients give up while the server is away, and uploads do not: their leases outlast what is done to it.
OPTIONS = {"rpc": {"try_timeout": 1, "metadata_deadline": 3, "commit_deadline": 6}, "registry": {"upload_lease": 15}}


@pytest.fixture(scope="module")
def service(on_server, tmp_path_factory):
    with deployed(tmp_path_factory.mktemp("service"), OPTIONS, database_url=database.new_url()) as deployment:
        yield deployment


def restarted(server, clients):
    server.restart()


def killed(server, clients):
    server.kill()
    clients.wait_for_refusal()
    server.start()


def frozen(server, clients):
    with server.frozen():
        clients.wait_for_refusal()


def cut_off(server, clients):
    for _ in range(10):
        assert server.cut_connections()
        clients.wait_for_progress(3)


def read_only(server, clients):
    with server.read_only():
        clients.wait_for_refusal()


def full(server, clients):
    with server.full():
        clients.wait_for_refusal()


@pytest.mark.parametrize("fault", [restarted, killed, frozen, cut_off, read_only, full])
def test_r26_what_was_acknowledged_is_there_once(service, server, fault):
    with load.running(service, clients=4, with_data=True) as clients:
        clients.wait_for_progress()
        fault(server, clients)
        clients.wait_for_progress()
    clients.check()


def test_r26_data_and_rows_agree_in_the_end(service, server):
    """What the faults interrupted is cleaned up, when its leases have run out."""
    with load.running(service, clients=2, with_data=True) as clients:
        clients.wait_for_progress()
    clients.check_data()


@pytest.fixture
def patient(on_server, tmp_path):
    """One whose clients wait for longer than a slow machine takes."""
    options = {"rpc": {"try_timeout": 30, "metadata_deadline": 60}}
    with deployed(tmp_path, options, database_url=database.new_url()) as deployment:
        yield deployment


def test_connections_that_are_cut_fail_no_call(patient, server):
    """Reads and writes are done again on another one."""
    with load.running(patient, clients=2) as clients:
        for _ in range(5):
            clients.wait_for_progress(3)
            server.cut_connections()
        clients.wait_for_progress()
    clients.check()
    assert clients.refused() == 0
