"""The tests of SQLite, on servers."""

from tests.unit.registry.endpoints.test_metadef_resource_types import *  # noqa: F403
