"""The tests of SQLite, on servers."""

from tests.unit.registry.test_reaper import *  # noqa: F403

del test_an_idle_round_writes_nothing  # noqa: F821 - it asks SQLite whether its file has changed
