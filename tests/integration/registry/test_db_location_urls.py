"""The tests of SQLite, on servers."""

from tests.unit.registry.db.test_location_urls import *  # noqa: F403
