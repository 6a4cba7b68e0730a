"""The tests of SQLite, on servers."""

from tests.unit.registry.db.test_adoption import *  # noqa: F403
