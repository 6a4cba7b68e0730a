"""The tests of SQLite, on servers."""

from tests.unit.registry.endpoints.test_metadef_tags import *  # noqa: F403
