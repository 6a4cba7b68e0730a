"""The tests of SQLite, on servers."""

from tests.unit.registry.db.test_cleanup import *  # noqa: F403
