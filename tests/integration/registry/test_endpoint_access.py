"""The tests of SQLite, on servers."""

from tests.unit.registry.endpoints.test_access import *  # noqa: F403
