"""The tests of SQLite, on servers."""

import pytest

from imagesvc.registry.db import migration
from tests.fixtures import database
from tests.unit.registry.db.test_migration import *  # noqa: F403


def test_a_failure_midway_leaves_nothing_behind(tmp_path, monkeypatch, on_server):
    """Or, where every change of a table is committed at once, leaves what the next run can go on with."""
    conf = database.make_at(tmp_path, "mitaka02")
    before = database.dump(conf)
    with monkeypatch.context() as patch:
        patch.setattr(migration.data_migrations, "run", lambda _connection: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            database.run(conf, migration.sync)
    assert (database.dump(conf) == before) == (on_server.name == "postgresql")
    assert database.run(conf, migration.sync)[-1] == "Database is synced successfully."
    assert database.dump(conf) == database.dump(database.make_current(tmp_path))
