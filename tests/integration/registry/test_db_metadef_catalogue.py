"""The tests of SQLite, on servers."""

from tests.unit.registry.db.test_metadef_catalogue import *  # noqa: F403
