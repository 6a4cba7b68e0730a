"""The tests of SQLite, on servers."""

from tests.unit.registry.db.test_jsonrows import *  # noqa: F403
