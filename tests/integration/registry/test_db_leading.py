"""The tests of SQLite, on servers."""

from tests.unit.registry.db.test_leading import *  # noqa: F403
