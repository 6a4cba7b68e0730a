"""The application under another WSGI server: threads instead of eventlet."""

import hashlib
import os
import signal
import subprocess
import sys

import pytest
import requests

from tests.fixtures.daemons import BIN, Deployment, free_port, wait_for
from tests.fixtures.images import ImageClient, noise


def _answers(url: str, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, "gunicorn ended"
    try:
        return requests.get(f"{url}/versions", timeout=5).status_code == 200
    except requests.RequestException:
        return False


@pytest.fixture(scope="module")
def gunicorn(tmp_path_factory):
    """The service with gunicorn, two workers of four threads, in the place of glance-api."""
    deployment = Deployment(tmp_path_factory.mktemp("gunicorn"))
    deployment.prepare()
    (deployment.directory / "glance-api.conf").write_text(deployment.config.read_text())
    deployment.start_registry()
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [
        sys.executable, BIN / "gunicorn", "--workers", "2", "--threads", "4", "--bind", f"127.0.0.1:{port}",
        "--timeout", "120", "imagesvc.wsgi:application",
    ]  # fmt: skip
    environment = os.environ | {"OS_GLANCE_CONFIG_DIR": str(deployment.directory)}
    with (deployment.directory / "gunicorn.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, process_group=0)
    try:
        wait_for("answer of gunicorn", lambda: _answers(url, process), 60)
        yield ImageClient(url)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        deployment.close()


@pytest.mark.parametrize("chunked", [False, True])
def test_data_goes_in_and_out(gunicorn, chunked):
    data = noise(5_000_000)
    image_id = gunicorn.created()
    body = (data[n : n + 50_000] for n in range(0, len(data), 50_000)) if chunked else data
    assert gunicorn.upload(image_id, body).status_code == 204
    image = gunicorn.show(image_id).json()
    assert (image["status"], image["size"]) == ("active", len(data))
    assert image["os_hash_value"] == hashlib.sha512(data).hexdigest()
    assert gunicorn.download(image_id).content == data
    part = gunicorn.download(image_id, Range="bytes=1000000-1999999")
    assert (part.status_code, part.content) == (206, data[1_000_000:2_000_000])


def test_metadata_and_errors_are_the_same(gunicorn):
    image_id = gunicorn.created(name="under gunicorn")
    assert gunicorn.patch(image_id, {"op": "replace", "path": "/name", "value": "x"}).json()["name"] == "x"
    assert gunicorn.create(id=image_id).status_code == 409
    assert gunicorn.upload(image_id, b"x", headers={"Content-Type": "text/plain"}).status_code == 415
    assert gunicorn.delete(image_id).status_code == 204
    assert gunicorn.show(image_id).status_code == 404
