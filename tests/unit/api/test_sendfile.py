"""Parts of files to sockets, on native threads here."""

import io
import select
import socket
import threading

import pytest

from imagesvc import concurrency
from imagesvc.api import sendfile
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
