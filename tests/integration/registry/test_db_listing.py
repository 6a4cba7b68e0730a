"""The tests of SQLite, on servers."""

from tests.unit.registry.db.test_listing import *  # noqa: F403
