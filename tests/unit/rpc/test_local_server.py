import json
import logging
import socket
import struct
import sys
import threading
import time

import pytest

from imagesvc import exception
from imagesvc.rpc import frames, local_server, rendezvous

MIB = 1024 * 1024


class _Registry:
    """A listener whose calls are answered with their own message, and clients of it."""

    def __init__(self, path, max_threads=4, max_request=MIB):
        self.directory = rendezvous.create(path)
        self.listener = local_server.LocalListener(self.directory, "t", "s", max_threads, max_request, MIB)
        self.seen = []
        self.act = lambda incoming: incoming.reply(incoming.message)
        self.clients = rendezvous.Directory(path)
        [self.name] = self.clients.names("t")

    def start(self):
        self.listener.start(self._on_incoming)

    def _on_incoming(self, batch):
        [incoming] = batch
        self.seen.append(incoming.message)
        self.act(incoming)

    def connect(self):
        connection = self.clients.connect(self.name)
        connection.settimeout(10)
        return connection

    def close(self):
        self.listener.stop()
        self.listener.cleanup()
        self.clients.close()


@pytest.fixture
def registry(tmp_path):
    made = _Registry(tmp_path / "rpc")
    made.start()
    yield made
    made.close()


def _request(message=None, expires=None, **more):
    body = {"msg_id": "1", "ctxt": {}, "message": {"m": 1} if message is None else message, **more}
    body["expires"] = time.monotonic() + 60 if expires is None else expires
    return frames.encode(body, 64 * MIB)


def _answer(connection):
    inbox = frames.Inbox(64 * MIB)
    while (message := inbox.pop()) is None:
        data = connection.recv(65536)
        if not data:
            return None
        inbox.feed(data)
    return message


def _until(condition):
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def _is_closed(connection):
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def test_a_call_is_answered(registry):
    with registry.connect() as client:
        for number in range(3):
            client.sendall(_request({"n": number}))
            assert _answer(client) == {"msg_id": "1", "reply": {"n": number}}


def test_a_call_may_come_in_pieces_and_two_at_once(registry):
    with registry.connect() as client:
        data = _request({"n": 1}) + _request({"n": 2})
        client.sendall(data[:7])
        client.sendall(data[7:])
        assert [_answer(client)["reply"]["n"]] == [1]
    with registry.connect() as client:
        client.sendall(_request({"n": 3}) * 2)
        inbox = frames.Inbox(MIB)
        answers = []
        while len(answers) < 2:
            inbox.feed(client.recv(65536))
            while (message := inbox.pop()) is not None:
                answers.append(message["reply"]["n"])
        assert answers == [3, 3]


def test_calls_run_side_by_side(registry):
    barrier = threading.Barrier(4, timeout=10)

    def act(incoming):
        barrier.wait()
        incoming.reply("ok")

    registry.act = act
    clients = [registry.connect() for _ in range(4)]
    for client in clients:
        client.sendall(_request())
    assert [_answer(client)["reply"] for client in clients] == ["ok"] * 4
    for client in clients:
        client.close()


_CHANGE = {"seam": {"op_id": "o", "deadline": 1}}


@pytest.fixture
def blocked(registry):
    """A registry whose changes, of which two run at a time, wait until the event is set; and clients, of a change each."""
    go_on = threading.Event()

    def act(incoming):
        assert "read" in incoming.message or go_on.wait(10)
        incoming.reply(incoming.message)

    registry.act = act
    clients = [registry.connect() for _ in range(20)]
    for number, client in enumerate(clients):
        client.sendall(_request({"n": number}, ctxt=_CHANGE))
        _until(lambda at=number: len(registry.seen) + len(registry.listener._turns._waiting) == at + 1)
    assert len(registry.seen) == 2
    yield clients, go_on
    go_on.set()
    for client in clients:
        client.close()


def test_changes_that_wait_keep_no_read_waiting(registry, blocked):
    clients, go_on = blocked
    with registry.connect() as reader:
        reader.sendall(_request({"read": 1}))
        assert _answer(reader)["reply"] == {"read": 1}
    go_on.set()
    assert [_answer(client)["reply"]["n"] for client in clients] == list(range(20))
    changes = [message["n"] for message in registry.seen if "n" in message]
    # Two at a time, so the others may overtake one of them, and no second one.
    begun = [set(changes[:place]) for place in range(1, len(changes) + 1)]
    assert all(len(set(range(max(numbers))) - numbers) <= 1 for numbers in begun)
    clients[7].sendall(_request({"read": 2}) + _request({"n": 99}, ctxt=_CHANGE))
    assert _answer(clients[7])["reply"] == {"read": 2}


def test_what_follows_a_change_on_its_connection_waits_for_it(registry, blocked):
    clients, go_on = blocked
    clients[19].sendall(_request({"read": 1}))
    go_on.set()
    inbox = frames.Inbox(MIB)
    answers = []
    while len(answers) < 2:
        inbox.feed(clients[19].recv(65536))
        while (message := inbox.pop()) is not None:
            answers.append(message["reply"])
    assert answers == [{"n": 19}, {"read": 1}]


def test_changes_that_fail_or_are_dropped_give_their_turn_to_the_next(registry, caplog):
    registry.act = lambda _incoming: 1 / 0
    for late in (False, True):
        for _ in range(5):
            with registry.connect() as client:
                client.sendall(_request(ctxt=_CHANGE, expires=time.monotonic() - 1 if late else None))
                client.shutdown(socket.SHUT_WR)
                assert _is_closed(client)
    registry.act = lambda incoming: incoming.reply("ok")
    with registry.connect() as client:
        client.sendall(_request(ctxt=_CHANGE))
        assert _answer(client)["reply"] == "ok"
    assert caplog.text.count("A call broke its connection") == 5


def test_changes_that_wait_are_not_begun_by_a_registry_that_stops(registry, blocked):
    clients, go_on = blocked
    registry.listener.stop()
    assert all(_is_closed(client) for client in clients[2:])
    go_on.set()
    assert sorted(_answer(client)["reply"]["n"] for client in clients[:2]) == [0, 1]
    assert len(registry.seen) == 2


def test_there_are_never_more_threads_than_allowed(registry):
    for _ in range(50):
        with registry.connect() as client:
            client.sendall(_request())
            _answer(client)
    assert len(registry.listener._threads) <= 4


def test_a_call_that_nobody_waits_for_is_dropped(registry):
    with registry.connect() as client:
        client.sendall(_request({"n": "late"}, expires=time.monotonic() - 0.001) + _request({"n": "now"}))
        assert _answer(client)["reply"] == {"n": "now"}
    assert registry.seen == [{"n": "now"}]


@pytest.mark.parametrize(
    "data",
    [
        struct.pack("!I", MIB + 1),
        struct.pack("!I", 0xFFFFFFFF),
        struct.pack("!I", 5) + b"hello",
        struct.pack("!I", 2) + b"[]",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        struct.pack("!I", 200_000) + b"[" * 200_000,
        frames.encode({"expires": 1e18, "message": None}, MIB),
        frames.encode({"expires": 1e18, "message": "m"}, MIB),
    ],
)
def test_malformed_input_closes_its_connection_and_no_other(registry, data, caplog):
    caplog.set_level(logging.WARNING)
    with registry.connect() as good, registry.connect() as bad:
        good.sendall(_request())
        assert _answer(good)
        bad.sendall(data)
        assert _is_closed(bad)
        good.sendall(_request())
        assert _answer(good)
    assert "Closed a connection that sent" in caplog.text


@pytest.mark.parametrize("expires", ["soon", None, [], {}])
def test_a_call_without_a_deadline_is_dropped(registry, expires):
    with registry.connect() as client:
        client.sendall(frames.encode({"message": {}, "expires": expires}, MIB) + _request({"n": 1}))
        assert _answer(client)["reply"] == {"n": 1}
    assert registry.seen == [{"n": 1}]


def test_an_end_in_the_middle_of_a_frame_is_nothing(registry):
    with registry.connect() as client:
        client.sendall(_request()[:-1])
    with registry.connect() as client:
        client.sendall(_request())
        assert _answer(client)
    assert len(registry.seen) == 1


def test_connections_that_ended_are_forgotten(registry):
    for _ in range(20):
        registry.connect().close()
    _until(lambda: not registry.listener._connections)


def test_a_client_that_left_before_its_answer_hurts_nobody(registry):
    left = threading.Event()

    def act(incoming):
        assert left.wait(10)
        incoming.reply("x" * 500_000)

    registry.act = act
    with registry.connect() as client:
        client.sendall(_request())
        _until(lambda: registry.seen)
    left.set()
    registry.act = lambda incoming: incoming.reply("ok")
    with registry.connect() as client:
        client.sendall(_request())
        assert _answer(client)["reply"] == "ok"
    _until(lambda: not registry.listener._connections)


def test_a_large_answer_waits_for_the_client_to_read(registry):
    registry.act = lambda incoming: incoming.reply("x" * 1_000_000)
    with registry.connect() as client:
        client.sendall(_request())
        _until(lambda: registry.seen)
        assert len(_answer(client)["reply"]) == 1_000_000


def test_a_client_that_never_reads_loses_its_connection(registry, monkeypatch):
    monkeypatch.setattr(local_server, "_SEND_PATIENCE", 0.05)
    registry.act = lambda incoming: incoming.reply("x" * 1_000_000)
    with registry.connect() as client:
        client.sendall(_request())
        _until(lambda: registry.seen and not registry.listener._connections)


def test_a_callback_that_fails_costs_its_connection_only(registry, caplog):
    def act(incoming):
        raise RuntimeError("odd")

    registry.act = act
    with registry.connect() as client:
        client.sendall(_request())
        assert _is_closed(client)
    assert "RuntimeError: odd" in caplog.text
    registry.act = lambda incoming: incoming.reply("ok")
    with registry.connect() as client:
        client.sendall(_request())
        assert _answer(client)["reply"] == "ok"


def test_a_client_of_another_user_is_refused(registry, monkeypatch, caplog):
    with monkeypatch.context() as patched:
        patched.setattr(frames, "peer_uid", lambda _connection: 12345)
        peer = socket.socket(socket.AF_UNIX)
        peer.settimeout(10)
        peer.connect(registry.clients._address(registry.name))
        assert _is_closed(peer)
        peer.close()
    assert "user 12345" in caplog.text
    assert not registry.seen


def test_running_out_of_descriptors_is_survived(registry, monkeypatch, caplog):
    failures = [OSError(24, "Too many open files")] * 2
    real = registry.listener._admit

    def admit(peer):
        if failures:
            peer.close()
            raise failures.pop()
        real(peer)

    monkeypatch.setattr(registry.listener, "_admit", admit)
    for _ in range(2):
        with registry.connect() as client:
            assert _is_closed(client)
    with registry.connect() as client:
        client.sendall(_request())
        assert _answer(client)
    assert "Too many open files" in caplog.text


def test_stop_lets_the_call_under_way_finish(tmp_path):
    registry = _Registry(tmp_path / "rpc")
    registry.start()
    go_on = threading.Event()

    def act(incoming):
        assert go_on.wait(10)
        incoming.reply("done")

    registry.act = act
    with registry.connect() as busy, registry.connect() as idle:
        idle.sendall(b"\0")
        busy.sendall(_request())
        _until(lambda: registry.seen)
        registry.listener.stop()
        assert _is_closed(idle)
        assert not list((tmp_path / "rpc").iterdir())
        with pytest.raises(OSError):
            registry.connect()
        go_on.set()
        assert _answer(busy)["reply"] == "done"
        assert _is_closed(busy)
    registry.listener.cleanup()
    assert not any(thread.is_alive() for thread in registry.listener._threads)


def test_nothing_is_read_before_start(tmp_path):
    registry = _Registry(tmp_path / "rpc")
    with registry.connect() as client:
        client.sendall(_request())
        assert not registry.seen
        registry.start()
        assert _answer(client)
    registry.close()


def test_starting_sweeps_the_dead(tmp_path):
    directory = rendezvous.create(tmp_path / "rpc")
    dead, _ = directory.listen("t", "dead")
    dead.close()
    registry = _Registry(tmp_path / "rpc")
    assert directory.names("t") == [registry.name]
    registry.start()
    registry.close()
    directory.close()


class _Sent:
    def __init__(self, limit=65_536):
        self.incoming = local_server.Incoming({"msg_id": "7", "ctxt": {}, "message": {"method": "m"}}, self, limit)

    def __call__(self, frame):
        self.frame = frame

    @property
    def answer(self):
        return json.loads(self.frame[4:])

    @property
    def failure(self):
        return json.loads(self.answer["failure"])


def test_an_answer_names_its_call():
    sent = _Sent()
    sent.incoming.acknowledge()
    sent.incoming.heartbeat()
    sent.incoming.reply({"a": (1, 2)})
    assert sent.answer == {"msg_id": "7", "reply": {"a": [1, 2]}}


def test_a_failure_names_its_class():
    sent = _Sent()
    try:
        raise exception.ImageNotFound(image_id="i")
    except exception.ImageNotFound:
        sent.incoming.reply(failure=sys.exc_info())
    assert (sent.failure["class"], sent.failure["kwargs"]) == ("ImageNotFound", {"image_id": "i"})


@pytest.mark.parametrize("reply", [object(), {1: {2, 3}}, b"bytes"])
def test_an_answer_that_is_not_json_becomes_an_error(reply, caplog):
    sent = _Sent()
    sent.incoming.reply(reply)
    assert sent.failure["class"] == "ImageServiceError"
    assert "The answer to m is not JSON" in caplog.text


def test_an_answer_too_large_becomes_an_error():
    sent = _Sent()
    sent.incoming.reply("x" * 65_536)
    assert sent.failure["class"] == "ImageServiceError"
    assert "limit of 65536 bytes" in sent.failure["message"]


def test_there_is_no_queue_to_return_to():
    with pytest.raises(NotImplementedError):
        _Sent().incoming.requeue()
