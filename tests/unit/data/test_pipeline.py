import threading
import time

import pytest

from imagesvc import concurrency
from imagesvc.data import pipeline

BLOCK = pipeline.BLOCK_BYTES


class _Sink:
    def __init__(self, error=None, finish_error=None):
        self.data = bytearray()
        self.finished = False
        self.threads = set()
        self._error = error
        self._finish_error = finish_error

    def update(self, data):
        self.threads.add(threading.get_ident())
        if self._error is not None:
            raise self._error
        self.data += data

    def finish(self):
        if self._finish_error is not None:
            raise self._finish_error
        self.finished = True


class _Offload(concurrency.Offload):
    """Knows the threads it started."""

    def __init__(self):
        self.threads = []

    def start(self, target, /, *args):
        self.threads.append(threading.Thread(target=target, args=args, daemon=True))
        self.threads[-1].start()

    def all_ended(self):
        for thread in self.threads:
            thread.join(10)
        return not any(thread.is_alive() for thread in self.threads)


def _filler(data):
    position = 0

    def fill(block):
        nonlocal position
        piece = data[position : position + len(block)]
        block[: len(piece)] = piece
        position += len(piece)
        return len(piece)

    return fill


def _noise(size):
    return (bytes(range(251)) * (size // 251 + 1))[:size]


@pytest.mark.parametrize(
    "size",
    [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 5 * BLOCK + 7],
)
def test_every_sink_gets_all_data_in_order(size):
    data = _noise(size)
    sinks = [_Sink(), _Sink(), _Sink()]
    offload = _Offload()
    pipeline.drain(_filler(data), sinks, offload, lambda: None)
    assert all(bytes(sink.data) == data and sink.finished for sink in sinks)
    assert len(offload.threads) == (3 if size >= BLOCK else 0)
    assert offload.all_ended()


def test_large_data_leaves_the_callers_thread():
    sinks = [_Sink(), _Sink()]
    pipeline.drain(_filler(_noise(2 * BLOCK)), sinks, concurrency.DIRECT, lambda: None)
    assert threading.get_ident() not in sinks[0].threads | sinks[1].threads
    assert sinks[0].threads.isdisjoint(sinks[1].threads)


@pytest.mark.parametrize("blocks", [0, 1, 2, 3, 10])
def test_an_error_of_the_source_finishes_nothing(blocks):
    inner = _filler(_noise((blocks + 1) * BLOCK))
    left = [blocks + 1 if blocks else 0]

    def fill(block):
        left[0] -= 1
        if left[0] < 0:
            raise KeyError("source")
        return inner(block)

    sinks = [_Sink(), _Sink()]
    offload = _Offload()
    with pytest.raises(KeyError):
        pipeline.drain(fill, sinks, offload, lambda: None)
    assert not any(sink.finished for sink in sinks)
    assert offload.all_ended()


@pytest.mark.parametrize("size", [10, 8 * BLOCK])
@pytest.mark.parametrize("when", ["error", "finish_error"])
def test_an_error_of_a_sink_is_raised(size, when):
    offload = _Offload()
    good, bad = _Sink(), _Sink(**{when: OSError(28, "full")})
    with pytest.raises(OSError, match="full"):
        pipeline.drain(_filler(_noise(size)), [bad, good], offload, lambda: None)
    assert not bad.finished
    assert offload.all_ended()


def test_a_slow_sink_limits_what_is_read():
    """At most the blocks there are: memory does not grow with the data."""
    gate = threading.Event()

    class Slow(_Sink):
        def update(self, data):
            assert gate.wait(30)

    read = []
    inner = _filler(_noise(8 * BLOCK))

    def fill(block):
        read.append(len(block))
        return inner(block)

    thread = threading.Thread(target=pipeline.drain, args=(fill, [Slow(), _Sink()], concurrency.DIRECT, lambda: None))
    thread.start()
    deadline = time.monotonic() + 30
    while sum(read) < pipeline.BLOCKS * BLOCK and time.monotonic() < deadline:
        time.sleep(0.01)
    thread.join(0.3)
    assert sum(read) == pipeline.BLOCKS * BLOCK
    gate.set()
    thread.join(30)
    assert not thread.is_alive()


def test_a_transfer_that_must_stop_does_not_wait_for_slow_sinks_to_take_more():
    gate = threading.Event()

    class Slow(_Sink):
        def update(self, data):
            assert gate.wait(30)

    def alive():
        gate.set()
        raise KeyError("stop")

    sink = Slow()
    with pytest.raises(KeyError, match="stop"):
        pipeline.drain(_filler(_noise(8 * BLOCK)), [sink], concurrency.DIRECT, alive)
    assert not sink.finished
