"""The tests of SQLite, on servers."""

from tests.unit.registry.db.test_tasks import *  # noqa: F403
