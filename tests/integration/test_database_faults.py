"""R26: the database server goes away under a load, in every way it can, and comes back; the service needs no help."""

import concurrent.futures
import threading

import pytest
import sqlalchemy

from imagesvc.registry.db.session import Database
from tests.fixtures import database, load
from tests.fixtures.daemons import deployed, wait_for

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


@pytest.mark.parametrize("kind", ["run_look", "run_read"])
def test_reads_outlast_connections_that_are_cut(on_server, tmp_path, kind):
    """None fails, whenever in its course that happens, and none keeps its place in the pool for good."""
    registry_database = Database(database.make_current(tmp_path / "state"))
    statement, done, over = sqlalchemy.text("SELECT count(*) FROM images"), [], threading.Event()

    def read():
        while not over.is_set():
            done.append(getattr(registry_database, kind)(lambda connection: connection.execute(statement).scalar_one()))

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        readers = [pool.submit(read) for _ in range(8)]
        for number in range(1, 31):
            wait_for("reads", lambda: len(done) > 100 * number, 30)  # noqa: B023 - called at once
            on_server.cut_connections()
        over.set()
        for reader in readers:
            reader.result()
    assert registry_database._current().engine.pool.checkedout() == 0
    registry_database.dispose()
