"""Each of Glance's steps of the schema, interrupted and run again on servers: a minute on each of them."""

from tests.integration.conftest import mariadb, on_server, postgresql, server  # noqa: F401 - fixtures
from tests.integration.registry.conftest import _databases_go_with_their_test  # noqa: F401 - a fixture
from tests.unit.registry.db.test_scripts import test_glances_steps_may_run_again_after_an_interruption  # noqa: F401
