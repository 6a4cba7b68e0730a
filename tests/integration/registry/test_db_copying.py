"""From SQLite to each server."""

from tests.unit.registry.db.test_copying import *  # noqa: F403
