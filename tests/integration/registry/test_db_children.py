"""The tests of SQLite, on servers."""

from tests.unit.registry.db.test_children import *  # noqa: F403
