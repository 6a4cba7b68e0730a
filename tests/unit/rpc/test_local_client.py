import os
import socket
import threading
import time

import oslo_messaging as messaging
import pytest

from imagesvc.rpc import failures, frames, local_client, rendezvous

MIB = 1024 * 1024


class _Server:
    """A server on a thread of the test; ``behave(connection, request)`` answers each request, False ends its connection."""

    def __init__(self, path, behave, topic="t"):
        self.directory = rendezvous.create(path)
        self.listener, self.name = self.directory.listen(topic, "s")
        self.listener.setblocking(True)
        self.behave = behave
        self.connections = []
        self.requests = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        inbox = frames.Inbox(MIB)
        with connection:
            try:
                while data := connection.recv(65536):
                    inbox.feed(data)
                    while (request := inbox.pop()) is not None:
                        self.requests.append(request)
                        if self.behave(connection, request) is False:
                            return
            except OSError:
                return

    def die(self):
        """As the kernel does for a killed process: the socket's file stays."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.connections:
            connection.close() if connection.fileno() < 0 else connection.shutdown(socket.SHUT_RDWR)


def _answer(connection, request):
    connection.sendall(frames.encode({"msg_id": request["msg_id"], "reply": request["n"]}, MIB))


def _silence(_connection, _request):
    return True


def _hang_up(_connection, _request):
    return False


@pytest.fixture
def path(tmp_path):
    return tmp_path / "rpc"


@pytest.fixture
def pool(path):
    made = local_client.Pool(path, MIB)
    yield made
    made.close()


def _call(pool, n=0, timeout=10.0, topic="t"):
    frame = frames.encode({"msg_id": "m", "n": n}, MIB)
    return pool.call(topic, frame, time.monotonic() + timeout)["reply"]


def test_a_connection_is_used_again(path, pool):
    server = _Server(path, _answer)
    assert [_call(pool, n) for n in range(5)] == [0, 1, 2, 3, 4]
    assert len(server.connections) == 1


def test_calls_at_once_have_connections_of_their_own(path, pool):
    barrier = threading.Barrier(8, timeout=10)

    def behave(connection, request):
        barrier.wait()
        _answer(connection, request)

    server = _Server(path, behave)
    results = []
    threads = [threading.Thread(target=lambda n=n: results.append(_call(pool, n))) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == list(range(8))
    assert len(server.connections) == 8


def test_calls_are_spread_over_the_servers(path, pool):
    servers = [_Server(path, _answer) for _ in range(3)]
    for n in range(30):
        _call(pool, n)
    assert [len(server.requests) for server in servers] == [10, 10, 10]


def test_a_new_server_is_found(path, pool):
    _Server(path, _answer)
    _call(pool)
    second = _Server(path, _answer)
    end = time.monotonic() + 10
    while not second.requests:
        assert time.monotonic() < end
        _call(pool)


def test_servers_of_other_topics_are_not_used(path, pool):
    _Server(path, _answer, topic="other")
    with pytest.raises(failures.NoServer):
        _call(pool)


def test_no_directory_is_no_server(pool):
    with pytest.raises(failures.NoServer):
        _call(pool)


def test_an_open_directory_is_no_server(path, pool, caplog):
    _Server(path, _answer)
    path.chmod(0o755)
    with pytest.raises(failures.NoServer):
        _call(pool)
    assert "chmod 700" in caplog.text


def test_a_directory_that_appears_and_is_replaced_is_followed(path, pool, tmp_path):
    with pytest.raises(failures.NoServer):
        _call(pool)
    _Server(path, _answer)
    assert _call(pool, 1) == 1
    path.rename(tmp_path / "old")
    second = _Server(path, _answer)
    assert _call(pool, 2) == 2
    assert len(second.requests) == 1


def test_a_dead_server_is_passed_over(path, pool):
    dead = _Server(path, _answer)
    dead.die()
    alive = _Server(path, _answer)
    for n in range(10):
        assert _call(pool, n) == n
    assert len(alive.requests) == 10


def test_a_server_that_died_between_two_calls_costs_nothing(path, pool):
    first = _Server(path, _answer)
    _call(pool)
    first.die()
    second = _Server(path, _answer)
    assert _call(pool, 5) == 5
    assert [request["n"] for request in second.requests] == [5]


def test_connections_a_server_closed_are_replaced(path, pool):
    server = _Server(path, _answer)
    _call(pool)
    server.connections[0].shutdown(socket.SHUT_RDWR)
    assert _call(pool, 1) == 1
    assert len(server.connections) == 2


def test_all_dead_is_no_server(path, pool):
    for _ in range(2):
        _Server(path, _answer).die()
    with pytest.raises(failures.NoServer):
        _call(pool)


def test_a_server_dying_at_work_is_an_unknown_outcome(path, pool):
    _Server(path, _hang_up)
    with pytest.raises(messaging.MessageDeliveryFailure) as caught:
        _call(pool)
    assert not isinstance(caught.value, failures.NoServer)


def test_an_answer_that_is_none_is_an_unknown_outcome(path, pool):
    def behave(connection, _request):
        connection.sendall(b"\0\0\0\2[]")

    server = _Server(path, behave)
    with pytest.raises(messaging.MessageDeliveryFailure):
        _call(pool)
    server.behave = _answer
    assert _call(pool, 1) == 1


def test_silence_times_out_and_its_connection_is_never_used_again(path, pool):
    server = _Server(path, _silence)
    with pytest.raises(messaging.MessagingTimeout):
        _call(pool, 1, timeout=0.05)
    server.behave = _answer
    assert _call(pool, 2) == 2
    assert len(server.connections) == 2


def test_a_server_that_does_not_read_times_out(path, pool):
    directory = rendezvous.create(path)
    listener, _ = directory.listen("t", "s")
    frame = frames.encode({"msg_id": "m", "pad": "x" * 900_000}, MIB)
    with listener, pytest.raises(messaging.MessagingTimeout):
        pool.call("t", frame, time.monotonic() + 0.05)
    directory.close()


def test_no_time_left_is_a_timeout(path, pool):
    _Server(path, _answer)
    with pytest.raises(messaging.MessagingTimeout):
        _call(pool, timeout=-1)


def test_a_silent_server_is_avoided(path, pool):
    silent, good = _Server(path, _silence), _Server(path, _answer)
    timeouts = 0
    for n in range(20):
        try:
            assert _call(pool, n, timeout=0.2) == n
        except messaging.MessagingTimeout:
            timeouts += 1
    assert timeouts <= 2
    assert len(silent.requests) == timeouts
    assert len(good.requests) == 20 - timeouts


def test_a_server_in_disgrace_gets_another_chance(path, pool, monkeypatch):
    monkeypatch.setattr(local_client, "_TIMEOUT_PENALTY", 0.01)
    server, other = _Server(path, _silence), _Server(path, _answer)
    while not server.requests:
        try:
            _call(pool, timeout=0.05)
        except messaging.MessagingTimeout:
            break
    server.behave = _answer
    before, end = len(server.requests), time.monotonic() + 10
    while len(server.requests) < before + 5:
        assert time.monotonic() < end
        _call(pool)
    assert other.requests


def test_few_idle_connections_are_kept(path, pool, monkeypatch):
    monkeypatch.setattr(local_client, "_MOST_IDLE", 2)
    test_calls_at_once_have_connections_of_their_own(path, pool)
    [server] = pool._servers.values()
    assert len(server.idle) == 2


def test_close_closes_and_the_pool_can_begin_anew(path, pool):
    server = _Server(path, _answer)
    _call(pool)
    pool.close()
    assert server.connections[0].recv(1) == b"" if server.connections[0].fileno() >= 0 else True
    assert _call(pool, 1) == 1
    assert len(server.connections) == 2


def test_a_forked_child_has_connections_of_its_own(path, pool):
    server = _Server(path, _answer)
    _call(pool)
    pid = os.fork()
    if pid == 0:
        try:
            os._exit(0 if _call(pool, 1) == 1 else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert _call(pool, 2) == 2
    assert len(server.connections) == 2


def test_an_interrupted_call_leaves_no_connection_behind(path, pool, monkeypatch):
    def interrupt(_connection, _end):
        raise KeyboardInterrupt

    _Server(path, _silence)
    monkeypatch.setattr(local_client._Connection, "receive", interrupt)
    with pytest.raises(KeyboardInterrupt):
        _call(pool)
    [server] = pool._servers.values()
    assert (server.idle, server.outstanding) == ([], 0)
