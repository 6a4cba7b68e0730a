"""The tests of SQLite, on servers."""

from tests.unit.registry.endpoints.test_members import *  # noqa: F403
