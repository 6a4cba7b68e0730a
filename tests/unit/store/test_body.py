import os

import pytest

from imagesvc import exception
from imagesvc.concurrency import DIRECT
from imagesvc.store.body import FileBody, StreamBody

DATA = bytes(range(200))


def _file(tmp_path, **kwargs):
    (tmp_path / "file").write_bytes(DATA)
    fields = {"size": len(DATA), "offset": 0, "length": None, "chunk": 64, "offload": DIRECT} | kwargs
    return FileBody(os.open(tmp_path / "file", os.O_RDONLY), **fields)


@pytest.mark.parametrize(("offset", "length"), [(0, None), (10, None), (0, 10), (150, 50), (200, None), (300, None)])
def test_a_part_of_a_file(tmp_path, offset, length):
    body = _file(tmp_path, offset=offset, length=length)
    assert body.size == len(DATA)
    assert body.file.tell() == offset
    end = None if length is None else offset + length
    assert b"".join(body) == DATA[offset:end]
    body.close()
    body.close()


def test_a_file_that_ends_early_breaks(tmp_path):
    body = _file(tmp_path, length=len(DATA) + 1)
    with pytest.raises(exception.StoreUnavailable):
        list(body)
    body.close()


def test_a_closed_file_breaks(tmp_path):
    body = _file(tmp_path)
    body.close()
    with pytest.raises(exception.StoreUnavailable):
        next(body)


def _pieces(*sizes):
    start = 0
    for size in sizes:
        yield DATA[start : start + size]
        start += size


@pytest.mark.parametrize("skip", [0, 1, 50, 100, 101, 199])
@pytest.mark.parametrize("length", [None, 0, 1])
def test_a_part_of_a_stream(skip, length):
    body = StreamBody(_pieces(50, 50, 100), len(DATA), skip, length)
    assert b"".join(body) == DATA[skip : len(DATA) if length is None else skip + length]


def test_a_stream_that_ends_early_breaks():
    with pytest.raises(exception.StoreUnavailable):
        list(StreamBody(_pieces(50, 50), len(DATA), 0, None))
    with pytest.raises(exception.StoreUnavailable):
        list(StreamBody(_pieces(50), None, 0, 60))
    with pytest.raises(exception.StoreUnavailable):
        list(StreamBody(_pieces(50), None, 60, 10))


def test_a_stream_that_goes_on_is_cut():
    assert b"".join(StreamBody(_pieces(100, 100), 150, 0, None)) == DATA[:150]


def test_a_stream_of_unknown_length():
    assert b"".join(StreamBody(_pieces(100, 50), None, 10, None)) == DATA[10:150]


def test_a_stream_is_closed_with_what_is_behind_it():
    closed = []

    class Wrapper:
        def __init__(self):
            self.wrapped = self._generate()

        def _generate(self):
            try:
                yield DATA
            finally:
                closed.append(True)

        def __iter__(self):
            yield from self.wrapped

    body = StreamBody(Wrapper(), None, 0, None)
    next(body)
    body.close()
    body.close()
    assert closed == [True]


def test_an_error_of_a_driver_breaks_the_body():
    def broken():
        yield DATA
        raise KeyError("secret url")

    body = StreamBody(broken(), None, 0, None)
    next(body)
    with pytest.raises(exception.StoreUnavailable) as caught:
        next(body)
    assert "secret" not in caught.value.msg
