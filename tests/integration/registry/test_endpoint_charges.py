"""The tests of SQLite, on servers."""

from tests.unit.registry.endpoints.test_charges import *  # noqa: F403
