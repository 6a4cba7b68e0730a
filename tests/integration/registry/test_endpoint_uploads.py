"""The tests of SQLite, on servers."""

from tests.unit.registry.endpoints.test_uploads import *  # noqa: F403
