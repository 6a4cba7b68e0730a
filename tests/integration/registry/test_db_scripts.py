"""The tests of SQLite, on servers."""

from tests.unit.registry.db.test_scripts import *  # noqa: F403

del test_a_page_in_any_order_is_read_from_an_index  # noqa: F821 - it asks SQLite's planner; see tests/full/test_catalogue.py
