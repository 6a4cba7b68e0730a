"""The registry's own tests, again, each of them on every server."""

import pytest


@pytest.fixture(autouse=True)
def _databases_go_with_their_test(on_server):
    with on_server.databases_removed():
        yield


@pytest.fixture(scope="module")
def tmp_path_factory(tmp_path_factory, on_server):
    """What a module makes once for all of its tests is made on its server, and anew on the next one."""
    return tmp_path_factory
