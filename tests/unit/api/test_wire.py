"""Buffered reading and fair writing on one socket."""

import socket
import threading

import pytest

from imagesvc.api import wire as wires


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_what_was_read_ahead_comes_first(pair):
    wire = wires.Wire(pair[0], lambda: None)
    pair[1].sendall(b"abcdef")
    assert wire.fill(100)
    assert (wire.take(2), wire.peek(), wire.buffered) == (b"ab", b"cdef", 4)
    view = bytearray(3)
    assert wire.take_into(memoryview(view)) == 3
    assert bytes(view) == b"cde"
    wire.skip(1)
    assert wire.peek() == b""
    pair[1].sendall(b"direct")
    assert wire.take(3) == b"dir"
    assert wire.take_into(memoryview(view)) == 3
    assert bytes(view) == b"ect"


def test_fill_appends_and_tells_the_end(pair):
    wire = wires.Wire(pair[0], lambda: None)
    pair[1].sendall(b"ab")
    assert wire.fill(100)
    wire.skip(1)
    pair[1].sendall(b"c")
    assert wire.fill(100)
    assert wire.peek() == b"bc"
    pair[1].close()
    assert not wire.fill(100)
    assert wire.take(10) == b"bc"
    assert wire.take(10) == b""


def test_lines(pair):
    wire = wires.Wire(pair[0], lambda: None)
    pair[1].sendall(b"one\r\n\r\ntwo\r")
    assert wire.line(10) == b"one"
    assert wire.line(10) == b""
    pair[1].sendall(b"\nthree")
    assert wire.line(10) == b"two"
    pair[1].close()
    with pytest.raises(EOFError):
        wire.line(10)


@pytest.mark.parametrize("data", [b"bare\n", b"longer than ten\r\n", b"longer than ten and endless"])
def test_lines_that_are_refused(pair, data):
    wire = wires.Wire(pair[0], lambda: None)
    pair[1].sendall(data)
    with pytest.raises(ValueError, match="line"):
        wire.line(10)


def test_timeout_is_set_once_and_zero_means_for_ever(pair):
    wire = wires.Wire(pair[0], lambda: None)
    wire.set_timeout(0.01)
    with pytest.raises(TimeoutError):
        wire.take(1)
    wire.set_timeout(0)
    assert pair[0].gettimeout() is None


def test_others_get_their_turn_every_mebibyte(pair):
    turns = []
    wire = wires.Wire(pair[0], lambda: turns.append(1))
    received = []

    def read():
        total = 0
        while total < 3 << 20:
            total += len(pair[1].recv(1 << 20))
        received.append(total)

    reader = threading.Thread(target=read)
    reader.start()
    wire.send(bytes(3 << 20))
    reader.join(10)
    assert received == [3 << 20]
    assert len(turns) == 3


def test_linger_lets_the_peer_read_before_the_end(pair):
    wire = wires.Wire(pair[0], lambda: None)
    pair[1].sendall(b"x" * 1000)
    pair[1].shutdown(socket.SHUT_WR)
    wire.send(b"answer")
    wire.linger(10_000)
    assert pair[1].recv(100) == b"answer"
    assert pair[1].recv(100) == b""
    assert wire.take(1) == b""


class Judge:
    """A pace that remembers what it was told."""

    def __init__(self):
        self.told = []

    def account(self, seconds, count):
        assert seconds >= 0
        self.told.append(count)


def test_the_pace_is_told_of_every_byte_while_it_is_set(pair):
    wire = wires.Wire(pair[0], lambda: None)
    pair[1].sendall(b"before")
    assert wire.take(6) == b"before"
    wire.pace = judge = Judge()
    pair[1].sendall(b"abcdef")
    assert wire.take(1) == b"a"
    assert wire.take_into(memoryview(bytearray(2))) == 2
    assert wire.fill(100)
    wire.send(b"answer")
    assert judge.told == [1, 2, 3, 6]
