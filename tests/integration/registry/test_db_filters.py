"""The tests of SQLite, on servers."""

from tests.unit.registry.db.test_filters import *  # noqa: F403
