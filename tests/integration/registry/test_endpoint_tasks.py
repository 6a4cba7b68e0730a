"""The tests of SQLite, on servers."""

from tests.unit.registry.endpoints.test_tasks import *  # noqa: F403
