import io

import pytest

from imagesvc import exception
from imagesvc.data.readers import Chain, HashCheck, SizeCheck
from tests.fixtures.stores import Source, sums

DATA = bytes(range(256)) * 5000


class _Sink:
    def __init__(self):
        self.data = b""
        self.finished = 0

    def update(self, data):
        self.data += bytes(data)

    def finish(self):
        self.finished += 1


def _chain(source, expected=None, limit=None, md5=None, verify=(), **kwargs):
    hashes = (HashCheck("md5", md5), HashCheck("sha512"))
    return Chain(source, expected, [SizeCheck(expected, limit)], hashes, verify, **kwargs)


def _read_all(chain, size=65536):
    data = b""
    while piece := chain.read(size):
        data += piece
    return data


def _read_exactly(chain, size):
    """As a driver that was told the size and never asks for more."""
    data = b""
    while len(data) < size:
        piece = chain.read(min(65536, size - len(data)))
        assert piece
        data += piece
    return data


def _drain(chain):
    sink = _Sink()
    chain.drain(sink)
    assert sink.finished == 1
    return sink.data


WAYS = pytest.mark.parametrize("consume", [_read_all, _drain, lambda chain: _read_exactly(chain, len(DATA))])


@WAYS
@pytest.mark.parametrize("source", [Source(DATA), Source(DATA, piece=777), io.BytesIO(DATA)])
def test_good_data_passes(consume, source):
    source = Source(DATA, piece=777) if isinstance(source, Source) else io.BytesIO(DATA)
    chain = _chain(source, len(DATA), limit=len(DATA))
    assert consume(chain) == DATA
    assert chain.received == len(DATA)
    assert chain.error is None


def test_drain_returns_size_and_hashes():
    assert _chain(Source(DATA)).drain(_Sink()) == (len(DATA), *sums(DATA))


@WAYS
def test_a_short_body_never_ends(consume):
    chain = _chain(Source(DATA[:-1]), len(DATA))
    with pytest.raises(exception.SizeMismatch):
        consume(chain)
    assert isinstance(chain.error, exception.SizeMismatch)


@WAYS
def test_an_over_long_body_never_ends(consume):
    with pytest.raises(exception.SizeMismatch):
        consume(_chain(Source(DATA + b"x", piece=1000), len(DATA)))


@pytest.mark.parametrize("consume", [_read_all, _drain])
def test_the_limit_stops_an_endless_body(consume):
    class Endless:
        reads = 0

        def read(self, size):
            self.reads += 1
            return bytes(min(size, 65536))

    source = Endless()
    chain = _chain(source, limit=10 << 20)
    with pytest.raises(exception.ImageSizeExceeded):
        consume(chain)
    assert chain.received <= (10 << 20) + (4 << 20)


@WAYS
def test_a_client_that_goes_away_is_reported_as_such(consume):
    chain = _chain(Source(DATA[:100], error=exception.IncompleteBody(received=100)), len(DATA))
    with pytest.raises(exception.IncompleteBody):
        consume(chain)


@WAYS
def test_an_expected_hash_is_compared(consume):
    assert consume(_chain(Source(DATA), len(DATA), md5=sums(DATA)[0].upper())) == DATA
    with pytest.raises(exception.Invalid, match="md5"):
        consume(_chain(Source(DATA), len(DATA), md5=sums(b"")[0]))


@WAYS
def test_a_verifier_has_the_last_word(consume):
    class Verifier(_Sink):
        def finish(self):
            raise exception.Invalid(reason="signature")

    verifier = Verifier()
    with pytest.raises(exception.Invalid, match="signature"):
        consume(_chain(Source(DATA), len(DATA), verify=[verifier]))
    assert verifier.data == DATA


@WAYS
def test_a_transfer_that_must_stop_stops(consume):
    def alive():
        raise exception.UploadFenced(upload_id="x")

    source = Source(DATA)
    with pytest.raises(exception.UploadFenced):
        consume(_chain(source, len(DATA), alive=alive))
    assert source.reads == 0


@pytest.mark.parametrize("consume", [_read_all, _drain])
@pytest.mark.parametrize("expected", [None, 0])
def test_no_data_is_good_data(consume, expected):
    assert consume(_chain(Source(b""), expected)) == b""


def test_the_end_may_be_read_again():
    chain = _chain(Source(DATA), len(DATA))
    _read_all(chain)
    assert chain.read(10) == b""
    assert chain.read() == b""
