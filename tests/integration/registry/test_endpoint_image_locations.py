"""The tests of SQLite, on servers."""

from tests.unit.registry.endpoints.test_image_locations import *  # noqa: F403
