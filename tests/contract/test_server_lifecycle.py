"""Starting, stopping, reloading and losing processes of glance-api's real server."""

import concurrent.futures
import contextlib
import hashlib
import os
import select
import signal
import socket
import threading

import pytest
import requests

from tests.fixtures.daemons import wait_for
from tests.fixtures.http_server import is_alive, read_all, read_head, served


@pytest.fixture
def server(tmp_path):
    with served(tmp_path, workers=2, graceful_shutdown_timeout=30) as running:
        yield running


WAIT = b"GET /wait HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@contextlib.contextmanager
def waiting_clients(server, count):
    """Connections in the middle of a response that ends when the server is released."""
    with contextlib.ExitStack() as stack:
        socks = [stack.enter_context(server.connect()) for _ in range(count)]
        for sock in socks:
            sock.sendall(WAIT)
        for sock in socks:
            assert read_head(sock).startswith(b"HTTP/1.1 200 OK")
        yield socks


def begin_upload(sock):
    """Have the application read the first 3 of 6 bytes."""
    sock.sendall(b"PUT /discard?hash HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\nExpect: 100-continue\r\n\r\n")
    assert read_head(sock).startswith(b"HTTP/1.1 100")
    sock.sendall(b"abc")


def worker_of(server):
    """Pid of a worker that answers, with its id."""
    pid, worker, _ = requests.get(f"{server.url}/who", timeout=10).text.split()
    return int(pid), worker


def refuses(server):
    try:
        server.connect().close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:
        pass
    return False


def test_as_many_workers_as_configured_and_host_wide_work_in_one_of_them(server):
    assert len(server.workers()) == 2
    assert len(set(server.workers().values())) == 2
    assert len(wait_for("start of host-wide work", lambda: server.lines("background"))) == 1


def test_killed_worker_is_reported_and_replaced(server):
    pid, worker = worker_of(server)
    os.kill(pid, signal.SIGKILL)
    wait_for("report of the dead worker", lambda: server.lines("reported") == [worker])
    wait_for("replacement", lambda: len(server.workers()) == 2)
    assert pid not in server.workers()
    assert worker not in server.workers().values()
    assert requests.get(f"{server.url}/who", timeout=10).status_code == 200


def test_all_workers_killed_at_once_are_replaced(server):
    dead = server.workers()
    for pid in dead:
        os.kill(pid, signal.SIGKILL)
    wait_for("reports", lambda: sorted(server.lines("reported")) == sorted(dead.values()))
    wait_for("replacements", lambda: len(server.workers()) == 2)
    assert requests.get(f"{server.url}/who", timeout=10).status_code == 200


def test_term_to_a_worker_lets_it_finish_and_it_is_replaced(server):
    pid, worker = worker_of(server)
    with waiting_clients(server, 8) as socks:
        os.kill(pid, signal.SIGTERM)
        wait_for("stop of the worker", lambda: f"SIGTERM: worker {pid} stops" in server.log)
        assert worker_of(server)[0] != pid
        server.release()
        assert all(read_all(sock).endswith(b"0\r\n\r\n") for sock in socks)
    wait_for("end of the worker", lambda: not is_alive(pid))
    wait_for("replacement", lambda: len(server.workers()) == 2)
    assert worker not in server.lines("reported")


def test_term_lets_transfers_finish_and_refuses_new_connections(server):
    with waiting_clients(server, 20) as socks, server.connect() as idle, server.connect() as upload:
        idle.sendall(b"GET /empty HTTP/1.1\r\nHost: x\r\n\r\n")
        read_head(idle)
        begin_upload(upload)
        server.process.terminate()
        wait_for("refusal", lambda: refuses(server))
        assert read_all(idle) == b""
        assert server.process.poll() is None
        upload.sendall(b"def")
        answer = read_all(upload)
        assert answer.endswith(b"6 " + hashlib.sha256(b"abcdef").hexdigest().encode())
        assert b"\r\nConnection: close\r\n" in answer
        server.release()
        assert all(read_all(sock).endswith(b"\nlast\n\r\n0\r\n\r\n") for sock in socks)
    assert server.process.wait(20) == 0
    assert server.lines("reported") == []


def test_term_answers_a_request_that_is_on_its_way_over_a_kept_connection(server):
    with server.connect() as kept:
        kept.sendall(b"GET /empty HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = read_head(kept)
        server.process.terminate()
        while b"\r\nConnection: close\r\n" not in answer:
            # A client that thinks for a moment, finds its connection open, and uses it.
            ended, _, _ = select.select([kept], [], [], 0.02)
            assert not ended, "closed while the client was about to send"
            kept.sendall(b"GET /empty HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = read_head(kept)
            assert answer.startswith(b"HTTP/1.1 204")
    assert server.process.wait(20) == 0


def _one_request_each_connection(server, answers):
    """Until none is accepted any more."""
    while True:
        try:
            sock = server.connect()
        except ConnectionRefusedError:
            return
        with sock:
            sock.sendall(b"GET /empty HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            answers.append(read_all(sock)[:12])


def test_term_answers_every_connection_that_was_made(server):
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = []
        clients = [pool.submit(_one_request_each_connection, server, answers) for _ in range(16)]
        wait_for("answers", lambda: len(answers) > 200)
        server.process.terminate()
        for client in clients:
            client.result(60)
    # A connection that was reset has no answer.
    assert set(answers) == {b"HTTP/1.1 204"}
    assert server.process.wait(20) == 0


def test_transfers_that_outlive_the_drain_are_cut_off(tmp_path):
    with served(tmp_path, workers=2, graceful_shutdown_timeout=1) as server, waiting_clients(server, 4) as socks:
        server.process.terminate()
        assert not any(read_all(sock).endswith(b"0\r\n\r\n") for sock in socks)
        assert server.process.wait(20) == 0
        assert len(server.lines("closed")) == 4


def test_int_stops_at_once(server):
    with waiting_clients(server, 4) as socks, server.connect() as upload:
        begin_upload(upload)
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(15) == 0
        assert not any(read_all(sock).endswith(b"0\r\n\r\n") for sock in socks)
    assert server.lines("incomplete") == ["3"]


def test_second_term_ends_the_drain(server):
    with waiting_clients(server, 2):
        server.process.terminate()
        wait_for("refusal", lambda: refuses(server))
        server.process.terminate()
        assert server.process.wait(15) == 0


def test_hup_brings_the_new_configuration_without_losing_a_request(server):
    old = server.workers()
    failures = []
    stop = threading.Event()

    def ask():
        while not stop.is_set():
            try:
                requests.get(f"{server.url}/who", timeout=10).raise_for_status()
            except requests.RequestException as error:
                failures.append(error)

    with concurrent.futures.ThreadPoolExecutor() as pool, waiting_clients(server, 4) as socks:
        pool.submit(ask)
        try:
            server.configure(image_size_cap=4711)
            server.process.send_signal(signal.SIGHUP)
            wait_for("new workers", lambda: len(set(server.workers()) - set(old)) == 2)
            wait_for("new configuration", lambda: requests.get(f"{server.url}/who", timeout=10).text.endswith(" 4711"))
            wait_for("old workers' stop", lambda: server.log.count("SIGTERM: worker") == 2)
            assert any(is_alive(pid) for pid in old)
            server.release()
            assert all(read_all(sock).endswith(b"0\r\n\r\n") for sock in socks)
            wait_for("end of old workers", lambda: not any(is_alive(pid) for pid in old))
        finally:
            stop.set()
    assert failures == []
    assert server.lines("reported") == []


def test_hup_can_change_the_number_of_workers(server):
    old = server.workers()
    server.configure(workers=3)
    server.process.send_signal(signal.SIGHUP)
    wait_for("three new workers", lambda: len(server.workers()) == 3 and not set(server.workers()) & set(old))


@pytest.mark.parametrize(
    ("broken", "complaint"),
    [({"api_limit_max": 13}, "must not be 13"), ({"graceful_shutdown_timeout": "soon"}, "the previous one stays: ")],
)
def test_hup_with_a_broken_configuration_keeps_the_service(server, broken, complaint):
    server.configure(**broken)
    server.process.send_signal(signal.SIGHUP)
    wait_for("complaint", lambda: complaint in server.log)
    assert requests.get(f"{server.url}/who", timeout=10).status_code == 200
    server.configure(api_limit_max=1000, graceful_shutdown_timeout=30, image_size_cap=4711)
    server.process.send_signal(signal.SIGHUP)
    wait_for("mended configuration", lambda: requests.get(f"{server.url}/who", timeout=10).text.endswith(" 4711"))


def test_workers_of_a_killed_master_finish_and_end(server):
    with waiting_clients(server, 4) as socks:
        workers = server.workers()
        os.kill(server.process.pid, signal.SIGKILL)
        wait_for("refusal", lambda: refuses(server))
        assert all(is_alive(pid) for pid in workers) or server.log.count("worker") > 0
        server.release()
        assert all(read_all(sock).endswith(b"0\r\n\r\n") for sock in socks)
        wait_for("end of the workers", lambda: not any(is_alive(pid) for pid in workers))


def test_no_workers_means_serving_in_the_master_itself(tmp_path):
    with served(tmp_path, workers=0) as server:
        assert set(server.workers()) == {server.process.pid}
        with waiting_clients(server, 2) as socks:
            server.process.terminate()
            wait_for("refusal", lambda: refuses(server))
            server.release()
            assert all(read_all(sock).endswith(b"0\r\n\r\n") for sock in socks)
        assert server.process.wait(15) == 0


def test_address_in_use_is_said_clearly(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with served(tmp_path, ready=False, bind_port=port) as server:
            assert server.process.wait(30) == 1
            assert f"Cannot listen on 127.0.0.1:{port} (bind_host, bind_port): Address already in use" in server.log
            assert "Traceback" not in server.log


def test_malformed_value_is_said_clearly(tmp_path):
    with served(tmp_path, ready=False, backlog="deep") as server:
        assert server.process.wait(30) == 1
        assert "backlog" in server.log
        assert "Traceback" not in server.log


@pytest.mark.parametrize("workers", [0, 2])
def test_configuration_that_cannot_be_served_ends_the_start(tmp_path, workers):
    with served(tmp_path, ready=False, api_limit_max=13, workers=workers) as server:
        assert server.process.wait(30) == 1
        assert "api_limit_max must not be 13" in server.log
        assert "Traceback" not in server.log
        assert server.lines("reported") == []


def test_everybody_is_an_administrator_is_said_loudly(server):
    assert "EVERY CALLER IS AN ADMINISTRATOR" in server.log


def test_ipv6_literal(tmp_path):
    with served(tmp_path, bind_host="::1") as server:
        assert requests.get(f"http://[::1]:{server.port}/who", timeout=10).status_code == 200


def test_systemd_is_told(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
        notified.bind(str(tmp_path / "notify"))
        notified.settimeout(30)
        with served(tmp_path, {"NOTIFY_SOCKET": str(tmp_path / "notify")}, workers=2) as server:
            assert notified.recv(4096).startswith(b"READY=1\n")
            server.process.send_signal(signal.SIGHUP)
            assert notified.recv(4096).startswith(b"RELOADING=1\nMONOTONIC_USEC=")
            assert notified.recv(4096).startswith(b"READY=1\n")
            server.process.terminate()
            assert notified.recv(4096).startswith(b"STOPPING=1")


def test_lack_of_descriptors_neither_kills_nor_spins(tmp_path):
    with served(tmp_path, ready=False) as server:
        server.close()
        (tmp_path / "workers").unlink(missing_ok=True)
        server.start(command_prefix=("prlimit", "--nofile=64:64"))
        server.wait_ready()
        with contextlib.ExitStack() as stack:
            for _ in range(500):
                stack.enter_context(server.connect())
        wait_for("answer", lambda: requests.get(f"{server.url}/who", timeout=30).status_code == 200)
        assert server.lines("reported") == []
