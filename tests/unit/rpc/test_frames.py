import socket
import struct

import pytest

from imagesvc.rpc import frames


def _frame(body: bytes) -> bytes:
    return struct.pack("!I", len(body)) + body


def test_what_is_encoded_comes_out_again():
    value = {"a": [1, None, True, "Ωé😀", {"b": 2.5}]}
    inbox = frames.Inbox(1000)
    inbox.feed(frames.encode(value, 1000))
    assert inbox.pop() == value
    assert inbox.pop() is None
    assert not inbox


def test_a_frame_may_arrive_byte_by_byte():
    inbox = frames.Inbox(1000)
    data = frames.encode({"a": 1}, 1000)
    for i in range(len(data) - 1):
        inbox.feed(data[i : i + 1])
        assert inbox.pop() is None
    inbox.feed(data[-1:])
    assert inbox.pop() == {"a": 1}


def test_two_frames_may_arrive_at_once():
    inbox = frames.Inbox(1000)
    inbox.feed(frames.encode({"a": 1}, 1000) + frames.encode({"b": 2}, 1000))
    assert (inbox.pop(), inbox.pop(), inbox.pop()) == ({"a": 1}, {"b": 2}, None)


def test_encode_refuses_what_exceeds_the_limit():
    size = len(' {"a":"x"}')
    assert frames.encode({"a": "x"}, size)
    with pytest.raises(frames.TooLarge):
        frames.encode({"a": "x"}, size - 1)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_encode_refuses_numbers_that_json_does_not_know(number):
    with pytest.raises(ValueError):
        frames.encode({"a": number}, 1000)


def test_encode_refuses_objects():
    with pytest.raises(TypeError):
        frames.encode({"a": object()}, 1000)


def test_an_announced_size_over_the_limit_is_refused_before_the_body_arrives():
    inbox = frames.Inbox(100)
    inbox.feed(struct.pack("!I", 101))
    with pytest.raises(frames.Malformed):
        inbox.pop()


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[1]", b"1", b"null", b'"x"', b"\xff\xfe", b"{'a': 1}", b"[" * 90_000, b"9" * 5_000],
)
def test_bodies_that_are_no_json_object_are_malformed(body):
    inbox = frames.Inbox(100_000)
    inbox.feed(_frame(body))
    with pytest.raises(frames.Malformed):
        inbox.pop()


def test_peer_uid_is_the_kernels_word(tmp_path):
    import os

    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert frames.peer_uid(ours) == os.geteuid()
