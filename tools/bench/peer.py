"""Glance as its own sample configures it: uWSGI, two processes, multi-store with files, notifications off."""

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import environments
import requests
from measure import Target

from tests.fixtures.daemons import free_port, wait_for

_SERVER = """\
[uwsgi]
socket-timeout = 10
http-auto-chunked = true
http-chunked-input = true
http-raw-body = true
# Not in Glance's sample, whose 1 MiB refuses what its own client sends.
chunked-input-limit = 16777216
lazy-apps = true
add-header = Connection: close
buffer-size = 65535
thunder-lock = true
enable-threads = true
exit-on-reload = true
die-on-term = true
master = true
processes = {workers}
threads = 1
http-socket = 127.0.0.1:{port}
module = glance.wsgi.api:application
virtualenv = {venv}
env = OS_GLANCE_CONFIG_DIR={directory}
need-app = true
listen = 128
"""


def is_installed() -> bool:
    return (environments.PEER_VENV / "bin" / "uwsgi").exists()


@contextlib.contextmanager
def running(directory: Path, options: Mapping[str, Mapping[str, Any]], workers: int) -> Iterator[Target]:
    """Glance on a new database; gone afterwards.

    :param options: ``{section: {option: value}}``: the database, the identity service, the paste flavor.
    """
    port = free_port()
    venv = environments.PEER_VENV
    _write_configuration(directory, options)
    (directory / "uwsgi.ini").write_text(_SERVER.format(workers=workers, port=port, venv=venv, directory=directory))
    shutil.copy(venv / "etc" / "glance" / "glance-api-paste.ini", directory)
    (directory / "glance-image-import.conf").write_text("[image_import_opts]\nimage_import_plugins = []\n")
    # It must not see our store driver.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with (directory / "log").open("ab") as log:
        manage = [venv / "bin" / "glance-manage", "--config-file", directory / "glance-api.conf", "db_sync"]
        subprocess.run(manage, stdout=log, stderr=log, env=environment, check=True)
        command = [venv / "bin" / "uwsgi", "--ini", directory / "uwsgi.ini"]
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=directory, env=environment, process_group=0)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for("Glance", lambda: _is_up(process, url, directory), 120)
        yield Target("glance", url, {"glance": process.pid}, {})
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(30)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _write_configuration(directory: Path, options: Mapping[str, Mapping[str, Any]]) -> None:
    for name in ("images", "staging", "tasks", "locks"):
        (directory / name).mkdir(parents=True)
    sections: dict[str, dict[str, Any]] = {
        "DEFAULT": {"log_file": directory / "glance-api.log", "enabled_backends": "fs:file"},
        "os_glance_staging_store": {"filesystem_store_datadir": directory / "staging"},
        "os_glance_tasks_store": {"filesystem_store_datadir": directory / "tasks"},
        "fs": {"filesystem_store_datadir": directory / "images"},
        "glance_store": {"default_backend": "fs"},
        "oslo_messaging_notifications": {"driver": "noop"},
        "oslo_concurrency": {"lock_path": directory / "locks"},
        "paste_deploy": {"config_file": directory / "glance-api-paste.ini"},
    }
    for section, values in options.items():
        sections.setdefault(section, {}).update(values)
    lines = []
    for section, values in sections.items():
        lines += [f"[{section}]", *(f"{name} = {value}" for name, value in values.items())]
    (directory / "glance-api.conf").write_text("\n".join(lines) + "\n")


def _is_up(process: subprocess.Popen[bytes], url: str, directory: Path) -> bool:
    assert process.poll() is None, (directory / "glance-api.log").read_text(errors="replace")[-4000:]
    with contextlib.suppress(requests.RequestException):
        return requests.get(f"{url}/healthcheck", timeout=5).status_code == 200
    return False
