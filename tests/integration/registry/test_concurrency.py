"""The tests of SQLite, on servers."""

from tests.contract.test_registry_concurrency import *  # noqa: F403
