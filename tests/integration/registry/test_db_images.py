"""The tests of SQLite, on servers."""

from tests.unit.registry.db.test_images import *  # noqa: F403
