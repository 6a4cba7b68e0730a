"""The tests of SQLite, on servers."""

from tests.unit.registry.endpoints.test_usage import *  # noqa: F403
