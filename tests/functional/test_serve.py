"""What tools/serve does with the daemons: start, announce, watch, stop."""

import os
import signal
import socket
import subprocess
import sys

import psutil
import pytest
import requests

from tests.fixtures.daemons import BIN, ROOT, free_port, wait_for

#: tools/serve after its environments are made: the one here is not .venv when the tests run elsewhere.
SCRIPT = """
import pathlib, sys
sys.path.insert(0, sys.argv[1])
import daemons
place = daemons.Place(pathlib.Path(sys.argv[2]), "127.0.0.1", int(sys.argv[3]))
try:
    with daemons.Daemons(place, pathlib.Path(sys.argv[4])) as running:
        running.start()
        print("up", flush=True)
        sys.exit(running.watch())
except daemons.DaemonError as exc:
    sys.exit(str(exc))
"""


@pytest.fixture
def port():
    return free_port()


@pytest.fixture
def serve(tmp_path, port):
    started = []

    def start() -> subprocess.Popen[str]:
        command = [sys.executable, "-c", SCRIPT, ROOT / "tools", tmp_path / "state", str(port), BIN]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(90)
        process.stdout.close()


def _children(process: subprocess.Popen[str]) -> dict[str, psutil.Process]:
    return {
        name: child
        for child in psutil.Process(process.pid).children()
        for name in ("glance-api", "glance-registry")
        if any(name in word for word in child.cmdline())
    }


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_both_daemons_run_and_stop_with_it(serve, port, number):
    process = serve()
    assert process.stdout.readline() == "up\n"
    children = _children(process)
    assert set(children) == {"glance-api", "glance-registry"}
    assert requests.get(f"http://127.0.0.1:{port}/v2/images", timeout=10).status_code == 200
    process.send_signal(number)
    assert process.wait(60) == 0
    assert not any(child.is_running() for child in children.values())


def test_data_is_found_again(serve, port):
    url = f"http://127.0.0.1:{port}/v2/images"
    first = serve()
    assert first.stdout.readline() == "up\n"
    image = requests.post(url, json={"name": "kept"}, timeout=10).json()
    first.send_signal(signal.SIGTERM)
    assert first.wait(60) == 0
    second = serve()
    assert second.stdout.readline() == "up\n"
    assert requests.get(f"{url}/{image['id']}", timeout=10).json()["name"] == "kept"


@pytest.mark.parametrize("name", ["glance-api", "glance-registry"])
def test_the_death_of_one_is_reported_and_stops_the_other(serve, name):
    process = serve()
    assert process.stdout.readline() == "up\n"
    children = _children(process)
    os.kill(children[name].pid, signal.SIGKILL)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert f"{name} (pid {children[name].pid}) was killed by SIGKILL" in output
    wait_for("end of both", lambda: not any(child.is_running() for child in children.values()))


def test_a_busy_port_is_named(serve, port):
    with socket.socket() as occupant:
        occupant.bind(("127.0.0.1", port))
        occupant.listen()
        output, _ = serve().communicate(timeout=60)
    assert f"port {port}" in output
    assert "IMAGESVC_PORT" in output


def test_a_state_directory_is_served_once(serve):
    assert serve().stdout.readline() == "up\n"
    output, _ = serve().communicate(timeout=60)
    assert "is being served already" in output
