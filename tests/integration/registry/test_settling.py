"""The tests of SQLite, on servers."""

from tests.unit.registry.test_settling import *  # noqa: F403
