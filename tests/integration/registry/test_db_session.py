"""The tests of SQLite, on servers, but for those of its file and its one writer at a time."""

from tests.unit.registry.db.test_session import *  # noqa: F403

del test_a_file_that_may_not_be_written_is_unavailable  # noqa: F821
del test_a_restored_file_is_opened_anew  # noqa: F821
del test_a_writer_reads_what_it_may_change  # noqa: F821
del test_no_file_means_no_schema_and_makes_none  # noqa: F821
del test_the_settings_that_keep_acknowledged_commits  # noqa: F821
