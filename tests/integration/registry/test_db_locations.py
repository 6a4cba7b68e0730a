"""The tests of SQLite, on servers."""

from tests.unit.registry.db.test_locations import *  # noqa: F403
