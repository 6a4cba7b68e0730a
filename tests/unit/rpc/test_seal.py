import copy

import pytest

from imagesvc.rpc import frames, keys, seal

LIMIT = 10_000
CTXT = {"roles": ["member"], "seam": {"op_id": "1", "deadline": 5}}
MESSAGE = {"method": "m", "args": {"a": [1, "é\ud800", 0.5, None]}, "version": "1.0"}


@pytest.fixture
def path(tmp_path):
    keys.create(tmp_path / "keys")
    return tmp_path / "keys"


@pytest.fixture
def ring(path):
    return keys.Keyring(str(path))


def test_a_sealed_request_is_admitted_by_its_nonce(ring):
    sealed = seal.request(ring, CTXT, MESSAGE, LIMIT)
    assert seal.check_request(ring, {**sealed, "client_timeout": 2}, MESSAGE, LIMIT) == sealed["seam"]["nonce"]
    assert CTXT["seam"] == {"op_id": "1", "deadline": 5}
    assert {**sealed, "seam": None} == {**CTXT, "seam": None}
    assert sealed["seam"].items() > CTXT["seam"].items()


def test_an_order_of_names_means_nothing(ring):
    sealed = seal.request(ring, CTXT, MESSAGE, LIMIT)
    assert seal.check_request(ring, dict(reversed(sealed.items())), MESSAGE, LIMIT)


def test_no_two_requests_have_the_same_signature(ring):
    first, second = (seal.request(ring, CTXT, MESSAGE, LIMIT)["seam"] for _ in range(2))
    assert first["nonce"] != second["nonce"]
    assert first["mac"] != second["mac"]


@pytest.mark.parametrize(
    ("ctxt", "message"),
    [
        ({"roles": ["admin"]}, {}),
        ({"more": 1}, {}),
        ({}, {"method": "n"}),
        ({}, {"args": {"a": 2}}),
        ({}, {"version": "1.1"}),
        ({}, {"namespace": "n"}),
    ],
)
def test_an_altered_request_is_refused(ring, ctxt, message):
    sealed = seal.request(ring, CTXT, MESSAGE, LIMIT)
    with pytest.raises(seal.Unsealed, match="is wrong"):
        seal.check_request(ring, {**sealed, **ctxt}, {**MESSAGE, **message}, LIMIT)


@pytest.mark.parametrize("name", ["op_id", "deadline", "nonce", "mac", "key"])
@pytest.mark.parametrize("value", [None, "x", 7, {}, "é\ud800"])
def test_an_altered_seam_is_refused(ring, name, value):
    sealed = copy.deepcopy(seal.request(ring, CTXT, MESSAGE, LIMIT))
    sealed["seam"][name] = value
    with pytest.raises(seal.Unsealed):
        seal.check_request(ring, sealed, MESSAGE, LIMIT)


@pytest.mark.parametrize("ctxt", [None, [], {}, {"seam": None}, {"seam": {}}])
def test_a_request_without_a_seam_is_refused(ring, ctxt):
    with pytest.raises(seal.Unsealed, match="without a signature"):
        seal.check_request(ring, ctxt, MESSAGE, LIMIT)
    with pytest.raises(seal.Unsealed, match="without a signature"):
        seal.check_request(ring, seal.request(ring, CTXT, MESSAGE, LIMIT), None, LIMIT)


def test_a_request_too_large_is_neither_sealed_nor_admitted(ring):
    message = {**MESSAGE, "args": {"a": "x" * LIMIT}}
    with pytest.raises(frames.TooLarge):
        seal.request(ring, CTXT, message, LIMIT)
    sealed = seal.request(ring, CTXT, message, 2 * LIMIT)
    with pytest.raises(seal.Unsealed, match="more than"):
        seal.check_request(ring, sealed, message, LIMIT)


def test_what_is_not_json_is_not_sealed(ring):
    for value, error in [(float("nan"), ValueError), (b"", TypeError)]:
        with pytest.raises(error):
            seal.request(ring, CTXT, {**MESSAGE, "args": {"a": value}}, LIMIT)


@pytest.mark.parametrize("value", [float("nan"), b""])
def test_what_is_not_json_is_not_admitted(ring, value):
    sealed = seal.request(ring, CTXT, MESSAGE, LIMIT)
    with pytest.raises(seal.Unsealed, match="not JSON"):
        seal.check_request(ring, sealed, {**MESSAGE, "args": {"a": value}}, LIMIT)


def test_an_answer_fits_its_request_alone(ring):
    sealed = seal.reply(ring, "nonce", '"é\ud800"')
    assert seal.check_reply(ring, "nonce", sealed) == '"é\ud800"'
    with pytest.raises(seal.Unsealed, match="is wrong"):
        seal.check_reply(ring, "other", sealed)
    with pytest.raises(seal.Unsealed, match="is wrong"):
        seal.check_reply(ring, "nonce", {**sealed, "text": '"x"'})


@pytest.mark.parametrize("mac", [None, 7, {}])
def test_an_answer_with_half_a_signature_is_refused(ring, mac):
    with pytest.raises(seal.Unsealed, match="without a signature"):
        seal.check_reply(ring, "nonce", {**seal.reply(ring, "nonce", "x"), "mac": mac})


@pytest.mark.parametrize("answer", [None, "text", {}, {"result": 1, "now": 2}, {"text": 1, "mac": "x", "key": "x"}])
def test_an_answer_without_a_signature_is_refused(ring, answer):
    with pytest.raises(seal.Unsealed, match="without a signature"):
        seal.check_reply(ring, "nonce", answer)


def test_a_request_is_no_answer(ring):
    """Nothing signed as one can be passed off as the other."""
    sealed = seal.request(ring, CTXT, MESSAGE, LIMIT)["seam"]
    with pytest.raises(seal.Unsealed):
        seal.check_reply(ring, sealed["nonce"], {"text": "{}", "key": sealed["key"], "mac": sealed["mac"]})


def test_both_keys_are_accepted_and_a_retired_one_is_not(path, ring):
    by_old = seal.request(ring, CTXT, MESSAGE, LIMIT)
    keys.add(path)
    keys.activate(path)
    both = keys.Keyring(str(path))
    assert seal.check_request(both, by_old, MESSAGE, LIMIT)
    assert seal.check_request(both, seal.request(both, CTXT, MESSAGE, LIMIT), MESSAGE, LIMIT)
    keys.retire(path)
    with pytest.raises(seal.Unsealed, match="is signing_key_file the same everywhere"):
        seal.check_request(keys.Keyring(str(path)), by_old, MESSAGE, LIMIT)
