"""The tests of SQLite, on servers."""

from tests.unit.registry.endpoints.test_locations import *  # noqa: F403
