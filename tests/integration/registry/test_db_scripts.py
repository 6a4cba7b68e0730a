"""The tests of SQLite, on servers."""

from tests.unit.registry.db.test_scripts import *  # noqa: F403

del test_a_page_in_any_order_is_read_from_an_index  # noqa: F821 - it asks SQLite's planner; see tests/full/test_catalogue.py
del test_glances_steps_may_run_again_after_an_interruption  # noqa: F821 - it takes long; see tests/full/test_database_steps.py
