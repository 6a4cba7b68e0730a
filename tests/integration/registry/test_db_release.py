"""The tests of SQLite, on servers."""

from tests.unit.registry.db.test_release import *  # noqa: F403
