import sqlite3

import pytest

from imagesvc import exception, rpc
from tests.fixtures.registry import make_registry
from tests.fixtures.rpc import make_context

ANYBODY = make_context(roles=[])


def test_ping(tmp_path):
    registry = make_registry(tmp_path / "state")
    assert registry.api.ping(ANYBODY) == {"version": rpc.VERSION, "database": "ok"}


def test_ping_says_what_a_call_would_and_needs_no_restart(tmp_path):
    registry = make_registry(tmp_path / "state")
    path, away = tmp_path / "state" / "glance.sqlite", tmp_path / "away"
    path.rename(away)
    with pytest.raises(exception.Unavailable):
        registry.api.ping(ANYBODY)
    away.rename(path)
    registry.api.ping(ANYBODY)


def test_missing_schema(tmp_path):
    registry = make_registry(tmp_path / "state")
    registry.put("ALTER TABLE alembic_version RENAME TO elsewhere")
    registry.database._schema_seen = False
    with pytest.raises(exception.SchemaMissing, match="db_sync"):
        registry.api.ping(ANYBODY)
    with sqlite3.connect(tmp_path / "state" / "glance.sqlite") as connection:
        connection.execute("ALTER TABLE elsewhere RENAME TO alembic_version")
    registry.api.ping(ANYBODY)
