"""How often a registry and MariaDB talk for one call."""

import pymysql.connections
import pytest
import sqlalchemy

from imagesvc.registry.db import trips
from tests.fixtures import database
from tests.fixtures.registry import make_registry
from tests.fixtures.rpc import make_context

MEMBER = make_context(roles=["member", "reader"], project_id="p1")


@pytest.fixture
def registry(mariadb, tmp_path):
    with database.on(mariadb), mariadb.databases_removed():
        registry = make_registry(tmp_path / "state")
        yield registry
        registry.database.dispose()


@pytest.fixture
def sent(registry, monkeypatch):
    """The first word of everything that is sent to the server; of what is no statement, its command's number."""
    words = []
    send = pymysql.connections.Connection._execute_command

    def record(self, command, sql):
        words.append(command if command != 3 else (sql if isinstance(sql, str) else bytes(sql).decode()).split()[0])
        send(self, command, sql)

    monkeypatch.setattr(pymysql.connections.Connection, "_execute_command", record)
    return words


def test_a_look_is_one_trip(registry, sent):
    image_id = registry.image(MEMBER)
    sent.clear()
    registry.api.image_get(MEMBER, image_id)
    assert sent == ["SELECT"]


def test_what_writes_is_a_transaction(registry, sent):
    registry.image(MEMBER)
    sent.clear()
    registry.image(MEMBER)
    assert (sent[0], sent[-1]) == ("BEGIN", "COMMIT")


def test_what_fails_is_rolled_back(registry, sent):
    def work(tx):
        tx.connection.execute(sqlalchemy.text("UPDATE images SET name = 'other'"))
        raise LookupError

    image_id = registry.image(MEMBER, name="one")
    sent.clear()
    with pytest.raises(LookupError):
        registry.transactions.maintain(work)
    assert sent == ["BEGIN", "UPDATE", "ROLLBACK"]
    assert registry.api.image_get(MEMBER, image_id).name == "one"


def test_a_connection_that_rested_is_asked(registry, sent, monkeypatch):
    image_id = registry.image(MEMBER)
    sent.clear()
    monkeypatch.setattr(trips, "REST_SECONDS", 0)
    registry.api.image_get(MEMBER, image_id)
    assert sent == [14, "SELECT"]


def test_connections_lost_between_two_calls_are_no_failure(registry, mariadb):
    image_id = registry.image(MEMBER)
    for number in range(3):
        assert mariadb.cut_connections()
        assert registry.api.image_get(MEMBER, image_id).id == image_id
        registry.api.image_patch(MEMBER, image_id, [{"op": "add", "path": ["name"], "value": f"n{number}"}])


def test_what_an_image_has_none_of_costs_its_deletion_no_trip(registry, sent):
    bare, full = registry.image(MEMBER), registry.image(MEMBER, properties={"a": "1"}, tags=["t"])
    registry.api.member_add(MEMBER, full, "p2")
    for image_id, updates in ((bare, 1), (full, 4)):
        sent.clear()
        registry.api.image_delete(MEMBER, image_id)
        assert sent == ["BEGIN", "INSERT", *["SELECT"] * 3, *["UPDATE"] * updates, "COMMIT"]
