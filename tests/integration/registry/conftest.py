"""The registry's own tests, again, each of them on every server."""

import pytest


@pytest.fixture(autouse=True)
def _databases_go_with_their_test(on_server):
    with on_server.databases_removed():
        yield
