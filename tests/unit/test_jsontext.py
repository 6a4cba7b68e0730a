import json

import pytest

from imagesvc import jsontext

VALUES = [
    {"a": [1, None, True, "Ωé😀\u0000\x7f", {"b": 2.5}], "n": -(2**63)},
    {"larger than 64 bits": [2**64, -(10**30)]},
    {"half a pair": "\ud800"},
    {1: "a number as a name"},
]


@pytest.mark.parametrize("write", [jsontext.dumps, jsontext.exact])
@pytest.mark.parametrize("value", VALUES)
def test_what_is_written_is_json_and_comes_out_again(write, value):
    text = write(value)
    plain = {str(name): content for name, content in value.items()}
    assert jsontext.loads(text) == json.loads(text) == plain
    assert jsontext.loads(text.decode()) == jsontext.loads(bytearray(text)) == plain


def test_a_large_number_keeps_its_digits_in_the_text_of_others():
    assert jsontext.loads(' {"n": 123456789012345678901234567890}') == {"n": 123456789012345678901234567890}


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_json_does_not_know(number):
    assert jsontext.dumps([number]) == b"[null]"
    with pytest.raises(ValueError):
        jsontext.exact([number])
    with pytest.raises(ValueError):
        jsontext.dumps([number, 2**64])


@pytest.mark.parametrize("write", [jsontext.dumps, jsontext.exact])
def test_what_is_no_json_is_not_written(write):
    with pytest.raises(TypeError):
        write({"a": object()})


@pytest.mark.parametrize("text", [b"", b" ", b"{", b" {", b"NaN", '["a'])
def test_what_is_no_json_is_not_read(text):
    with pytest.raises(ValueError):
        jsontext.loads(text)
