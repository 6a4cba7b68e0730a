"""The database given back under running daemons, by a command that is killed in the middle, and taken over again."""

import signal
import subprocess
import sys

import pytest
import requests

from tests.fixtures.daemons import deployed, wait_for
from tests.fixtures.images import ImageClient, noise

DONE = "The database is Glance's again. To come back, run 'glance-manage db_sync'."

#: Runs glance-manage and kills it without warning once it has dropped the index named.
_KILLED_AT = """\
import os, signal, sys
from imagesvc.cmd import manage
from imagesvc.registry.db import ddl

genuine = ddl.drop_index

def drop_index(name, table):
    genuine(name, table)
    if name == sys.argv[1]:
        os.kill(os.getpid(), signal.SIGKILL)

ddl.drop_index = drop_index
sys.exit(manage.main(sys.argv[2:]))
"""


@pytest.fixture
def service(server, tmp_path):
    with (
        server.databases_removed(),
        deployed(tmp_path, {"database": {"connection": server.url(server.create())}}) as deployment,
    ):
        yield deployment


def test_daemons_notice_and_need_no_restart(service, server):
    client = ImageClient(service.url)
    image_id = client.uploaded(noise(1000), name="kept")
    killed = [sys.executable, "-c", _KILLED_AT, "imagesvc_images_by_size", "--config-file", service.config, "release"]
    ended = subprocess.run(killed, capture_output=True, timeout=120, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    is_committed = server.name == "mariadb"  # PostgreSQL takes back what was not finished
    _assert_status(service, client, image_id, 503 if is_committed else 200)

    assert service.manage("release").splitlines() == [DONE]
    _assert_status(service, client, image_id, 503)
    refused = client.create(name="not now")
    assert (refused.status_code, "glance-manage db_sync" in refused.text) == (503, True)

    assert "Database is synced successfully." in service.manage("db_sync")
    _assert_status(service, client, image_id, 200)
    assert client.download(image_id).content == noise(1000)
    client.created(name="again")


def _assert_status(service, client, image_id, status):
    """Of the registry's health check, of glance-api's, and of a call."""
    for url in (f"{service.registry_url}/healthcheck", f"{service.url}/healthcheck"):
        wait_for(f"{status} from {url}", lambda url=url: requests.get(url, timeout=30).status_code == status, 60)
    answer = client.show(image_id)
    assert answer.status_code == status
    assert (status == 503) == ("glance-manage db_sync" in answer.text)
