"""Deadlocks, serialization failures and locks of others, real ones: work is done again, and nobody waits for long."""

import threading

import pytest

from imagesvc import exception
from imagesvc.registry.db import session
from tests.fixtures.registry import make_registry
from tests.fixtures.rpc import make_context

MEMBER = make_context(roles=["member", "reader"], project_id="p1")
PATIENCE = 60


@pytest.fixture
def registry(on_server, tmp_path):
    with on_server.databases_removed():
        registry = make_registry(tmp_path / "state")
        yield registry
        registry.database.dispose()


@pytest.fixture
def database_name(registry):
    return registry.conf.database.connection.rpartition("/")[2]


class Contenders:
    """Two transactions at once.

    :ivar tries: how often both together were begun.
    """

    def __init__(self, registry):
        self._registry = registry
        self._middle = threading.Barrier(2)
        self.tries = 0

    def run(self, *works):
        """Each of ``works`` gets its transaction and a function to meet the other one in the middle, the first time."""
        threads = [threading.Thread(target=self._contend, args=(work,)) for work in works]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _contend(self, work):
        begun = []

        def once(tx):
            begun.append(tx)
            work(tx, self._meet if len(begun) == 1 else lambda: None)

        self._registry.transactions.maintain(once)
        self.tries += len(begun)

    def _meet(self):
        self._middle.wait(PATIENCE)


def _add(tx, image_id):
    tx.connection.exec_driver_sql(f"UPDATE images SET min_ram = min_ram + 1 WHERE id = '{image_id}'")  # noqa: S608


def _sizes(registry):
    return registry.rows("SELECT min_ram FROM images")


def test_the_victim_of_a_deadlock_tries_again(registry):
    one, other = registry.image(MEMBER), registry.image(MEMBER)

    def crosswise(first, second):
        def work(tx, meet):
            _add(tx, first)
            meet()
            _add(tx, second)

        return work

    contenders = Contenders(registry)
    contenders.run(crosswise(one, other), crosswise(other, one))
    assert _sizes(registry) == [(2,), (2,)]
    assert contenders.tries > 2, "there was no deadlock"


@pytest.fixture
def strict(on_server, registry, database_name):
    """The administrator wants transactions not to change what others have changed since they read it."""
    registry.image(MEMBER)
    registry.database.dispose()
    if on_server.name == "postgresql":
        on_server.execute(f"ALTER DATABASE {database_name} SET default_transaction_isolation = 'serializable'")
        yield
    else:
        on_server.execute("SET GLOBAL innodb_snapshot_isolation = ON")
        yield
        on_server.execute("SET GLOBAL innodb_snapshot_isolation = OFF")


def test_who_read_what_was_changed_meanwhile_tries_again(registry, strict):
    def count(tx, meet):
        size = tx.connection.exec_driver_sql("SELECT min_ram FROM images").scalar_one()
        meet()
        tx.connection.exec_driver_sql(f"UPDATE images SET min_ram = {size + 1}")  # noqa: S608

    contenders = Contenders(registry)
    contenders.run(count, count)
    assert _sizes(registry) == [(2,)]
    assert contenders.tries > 2, "there was no conflict"


@pytest.mark.parametrize("what", ["row", "table"])
def test_a_lock_of_somebody_else_is_not_waited_for_for_long(registry, on_server, database_name, monkeypatch, what):
    """A backup, an administrator's forgotten session: 503, and the registry's thread is free again."""
    monkeypatch.setattr(session, "RETRY_SECONDS", 0)  # one try
    image_id = registry.image(MEMBER)
    change = [{"op": "add", "path": ["name"], "value": "new"}]
    with on_server.locked(database_name, "images", f"id = '{image_id}'" if what == "row" else None):
        with pytest.raises(exception.DatabaseUnavailable):
            registry.api.image_patch(MEMBER, image_id, change)
        assert registry.api.image_get(MEMBER, image_id).name is None
    assert registry.api.image_patch(MEMBER, image_id, change).name == "new"
