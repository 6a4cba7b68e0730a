"""The tests of SQLite, on servers."""

from tests.unit.registry.endpoints.test_actions import *  # noqa: F403
