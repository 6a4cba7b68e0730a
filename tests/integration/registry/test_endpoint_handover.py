"""The tests of SQLite, on servers."""

from tests.unit.registry.endpoints.test_handover import *  # noqa: F403
