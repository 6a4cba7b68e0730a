"""The tests of SQLite, on servers."""

from tests.unit.registry.endpoints.test_images import *  # noqa: F403
