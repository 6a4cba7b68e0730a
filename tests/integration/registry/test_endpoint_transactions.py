"""The tests of SQLite, on servers."""

from tests.unit.registry.endpoints.test_transactions import *  # noqa: F403
