"""The tests of SQLite, on servers."""

from tests.unit.registry.db.test_leases import *  # noqa: F403
