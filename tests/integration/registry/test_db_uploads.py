"""The tests of SQLite, on servers."""

from tests.unit.registry.db.test_uploads import *  # noqa: F403
