"""The tests of SQLite, on servers."""

from tests.unit.registry.endpoints.test_metadef_properties import *  # noqa: F403
