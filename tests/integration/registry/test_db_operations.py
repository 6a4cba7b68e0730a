"""The tests of SQLite, on servers."""

from tests.unit.registry.db.test_operations import *  # noqa: F403
