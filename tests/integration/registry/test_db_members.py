"""The tests of SQLite, on servers."""

from tests.unit.registry.db.test_members import *  # noqa: F403
