"""The tests of SQLite, on servers."""

from tests.unit.registry.db.test_quotas import *  # noqa: F403
