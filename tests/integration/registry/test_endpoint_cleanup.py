"""The tests of SQLite, on servers."""

from tests.unit.registry.endpoints.test_cleanup import *  # noqa: F403
