"""The tests of SQLite, on servers."""

from tests.unit.registry.db.test_transaction import *  # noqa: F403
