import pytest

from imagesvc import exception
from imagesvc.registry import blobs

GOOD = {"url": "file:///x", "size": 0, "checksum": "c" * 32, "os_hash_value": None, "metadata": {"store": "a"}}


def test_good_report():
    data = blobs.checked(GOOD, "sha512", 7)
    assert data.url == "file:///x"
    assert data.metadata == {"store": "a"}
    assert data.columns == {
        "size": 0,
        "virtual_size": 7,
        "checksum": "c" * 32,
        "os_hash_algo": "sha512",
        "os_hash_value": None,
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("size", None),
        ("size", -1),
        ("size", "5"),
        ("size", 2**63),
        ("url", None),
        ("checksum", "c" * 33),
        ("os_hash_value", 5),
        ("os_hash_value", "d" * 129),
    ],
)
def test_bad_report_names_the_field(field, value):
    with pytest.raises(exception.InvalidParameter) as caught:
        blobs.checked({**GOOD, field: value}, "sha512", None)
    assert caught.value.kwargs["name"] == field


@pytest.mark.parametrize("blob", [None, [], {**GOOD, "metadata": "x"}])
def test_no_report_at_all(blob):
    with pytest.raises(exception.InvalidParameter):
        blobs.checked(blob, "sha512", None)


def test_bad_virtual_size():
    with pytest.raises(exception.InvalidParameter):
        blobs.checked(GOOD, "sha512", -1)


@pytest.mark.parametrize("algorithm", [None, 5, "x" * 65])
def test_bad_algorithm(algorithm):
    with pytest.raises(exception.InvalidParameter):
        blobs.checked(GOOD, algorithm, None)
