"""The tests of SQLite, on servers."""

from tests.unit.registry.endpoints.test_metadef_objects import *  # noqa: F403
