"""Parts of files to sockets, on native threads here."""

import io
import select
import socket
import threading

import pytest

from imagesvc import concurrency
from imagesvc.api import pace, sendfile
from imagesvc.api import wire as wires


def wait_writable(sock, seconds):
    assert select.select([], [sock], [], seconds)[1], "not writable"


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        yield ours, theirs


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * 8192)
    with path.open("rb") as opened:
        yield opened


def test_part_arrives_exactly_through_a_narrow_socket(pair, file):
    sender = sendfile.FileSender(concurrency.DIRECT, wait_writable, select.poll)
    received = bytearray()

    def read():
        while piece := pair[1].recv(50_000):
            received.extend(piece)

    reader = threading.Thread(target=read)
    reader.start()
    turns = list(sender.send(wires.Wire(pair[0], lambda: None), file.fileno(), 5, 2_000_000, 10))
    pair[0].close()
    reader.join(10)
    assert sum(turns) == 2_000_000
    file.seek(5)
    assert received == file.read(2_000_000)


def test_file_that_ends_early_is_an_error(pair, file):
    sender = sendfile.FileSender(concurrency.DIRECT, wait_writable, select.poll)
    with pytest.raises(EOFError):
        list(sender.send(wires.Wire(pair[0], lambda: None), file.fileno(), (2 << 20) - 10, 11, 10))


def test_slow_client_is_waited_for_outside_of_native_threads(pair, file):
    waited = []

    def wait(sock, seconds):
        waited.append(seconds)
        raise TimeoutError

    sender = sendfile.FileSender(concurrency.DIRECT, wait, select.poll)
    with pytest.raises(TimeoutError):
        list(sender.send(wires.Wire(pair[0], lambda: None), file.fileno(), 0, 2 << 20, 7))
    assert waited == [7]


def test_client_that_went_away_is_an_error(pair, file):
    pair[1].close()
    sender = sendfile.FileSender(concurrency.DIRECT, wait_writable, select.poll)
    with pytest.raises(BrokenPipeError):
        list(sender.send(wires.Wire(pair[0], lambda: None), file.fileno(), 0, 100, 7))


def test_wrapper_is_an_iterable_from_the_current_position(file):
    file.seek((2 << 20) - 10)
    wrapper = sendfile.FileWrapper(file, 4)
    assert [len(block) for block in wrapper] == [4, 4, 2]
    assert wrapper.descriptor() == file.fileno()
    assert wrapper.read_at(1, 2) == b"\1\2"
    wrapper.close()
    assert file.closed


def test_wrapper_of_something_without_descriptor():
    assert sendfile.FileWrapper(io.BytesIO(b"abc")).descriptor() is None


@pytest.fixture
def connection():
    """Over TCP, whose kernel tells what the other side has."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as theirs:
        ours, _ = server.accept()
        ours.setblocking(False)
        with ours:
            yield ours, theirs


class Judge:
    def __init__(self):
        self.told = 0

    def account(self, seconds, count):
        assert seconds >= 0
        assert count >= 0
        self.told += count


def test_the_pace_is_told_what_the_client_has_taken_while_it_was_waited_for(connection, tmp_path):
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(64 << 20)
    wire = wires.Wire(connection[0], lambda: None)
    wire.pace = judge = Judge()
    received = 0

    def wait(sock, _seconds):
        """The first look finds nothing taken; then the client takes what there is."""
        nonlocal received
        if not received:
            received = 1
            raise TimeoutError
        received += len(connection[1].recv(1 << 20))
        wait_writable(sock, 0)

    sender = sendfile.FileSender(concurrency.DIRECT, wait_or_timeout(wait), select.poll)
    with large.open("rb") as file:
        for _ in sender.send(wire, file.fileno(), 0, 64 << 20, None):
            pass
    assert received - 1 <= 64 << 20
    assert 0 < judge.told <= 64 << 20


def wait_or_timeout(wait):
    def waiting(sock, seconds):
        try:
            wait(sock, seconds)
        except AssertionError as error:
            raise TimeoutError from error

    return waiting


def test_a_client_that_takes_too_little_is_given_up(connection, tmp_path, monkeypatch):
    monkeypatch.setattr(pace, "_SECONDS", 0)
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(64 << 20)
    wire = wires.Wire(connection[0], lambda: None)
    wire.pace = pace.Pace(1 << 30)

    def wait(_sock, _seconds):
        raise TimeoutError

    sender = sendfile.FileSender(concurrency.DIRECT, wait, select.poll)
    with large.open("rb") as file, pytest.raises(pace.TooSlow):
        list(sender.send(wire, file.fileno(), 0, 64 << 20, None))
