"""The wrapping of ``imagesvc.wsgi`` under the real gunicorn with threads."""

import concurrent.futures
import contextlib
import hashlib
import os
import signal
import socket
import subprocess
import sys

import pytest
import requests

from tests.fixtures.daemons import ROOT, free_port, wait_for

BODY = bytes(range(256)) * 20_000


class Gunicorn:
    def __init__(self, directory, *options):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.journal = directory / "journal"
        command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{self.port}", "--workers", "2"]
        command += [
            "--no-control-socket",
            "--worker-class",
            "gthread",
            "--threads",
            "8",
            *options,
            "tests.fixtures.wsgi_app:application",
        ]
        with (directory / "log").open("wb") as log:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdout=log,
                stderr=log,
                env=os.environ | {"JOURNAL": str(self.journal)},
                process_group=0,
            )

    def answers(self):
        with contextlib.suppress(requests.ConnectionError):
            return requests.get(self.url, timeout=10).status_code == 200
        return False

    def close(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)


@pytest.fixture(scope="module", params=[(), ("--preload",)], ids=["lazy", "preload"])
def server(request, tmp_path_factory):
    running = Gunicorn(tmp_path_factory.mktemp("gunicorn"), *request.param)
    try:
        wait_for("answer of gunicorn", running.answers)
        yield running
    finally:
        running.close()


def pieces(size):
    return (BODY[start : start + size] for start in range(0, len(BODY), size))


@pytest.mark.parametrize("size", [None, 1000, 65536, 1_000_000])
def test_uploads_arrive_whole_with_length_and_in_chunks(server, size):
    answer = requests.put(server.url, data=BODY if size is None else pieces(size), timeout=30)
    assert answer.text.startswith(f"{len(BODY)} {hashlib.sha256(BODY).hexdigest()} ")


def test_uploads_side_by_side(server):
    def put(number):
        body = BODY[number:]
        data = body if number % 2 else (body[start : start + 50_000] for start in range(0, len(body), 50_000))
        return requests.put(server.url, data=data, timeout=60).text.split()[1] == hashlib.sha256(body).hexdigest()

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert all(pool.map(put, range(24)))


def test_application_is_built_in_the_process_that_serves(server):
    text = requests.get(server.url, timeout=10).text
    built, served = text.split("built in ")[1].split(", served by ")
    assert built == served


@pytest.mark.parametrize(
    ("header", "body", "received"),
    [
        ("Content-Length: 200000", b"x" * 100_000, "100000"),
        ("Transfer-Encoding: chunked", b"5\r\nabcde\r\n5\r\nab", None),
        ("Transfer-Encoding: chunked", b"5\r\nabcde\r\nzz\r\n", None),
    ],
)
def test_body_that_breaks_off_is_an_error_for_the_application(server, header, body, received):
    server.journal.unlink(missing_ok=True)
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as sock:
        sock.sendall(f"PUT / HTTP/1.1\r\nHost: x\r\n{header}\r\n\r\n".encode() + body)
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(65536):
            pass
    noted = wait_for("report of the incomplete body", lambda: server.journal.exists() and server.journal.read_text())
    assert received is None or noted == f"{received}\n"
