import pytest

from imagesvc import exception
from imagesvc.api.v2 import image_schema, location_schema

SECRET = "s3cret"
URL = f"http://me:{SECRET}@web/x"
SHA512 = {"os_hash_algo": "sha512", "os_hash_value": "AB" * 64}


def test_an_addition():
    assert location_schema.addition_in({"url": URL}) == (URL, None, None)
    assert location_schema.addition_in({"url": URL, "validation_data": {}}) == (URL, None, None)
    found = location_schema.addition_in({"url": URL, "validation_data": SHA512, "metadata": {"x": "y"}})
    assert found == (URL, "sha512", "ab" * 64)


@pytest.mark.parametrize(
    ("document", "where"),
    [
        ([], "location"),
        ({}, "location"),
        ({"url": 5}, "location.url"),
        ({"url": URL + "x" * 70_000}, "location.url"),
        ({"url": URL, "validation_data": None}, "location.validation_data"),
        ({"url": URL, "validation_data": {"os_hash_algo": "sha512"}}, "location.validation_data"),
        ({"url": URL, "validation_data": {"os_hash_value": "ab"}}, "location.validation_data"),
        ({"url": URL, "validation_data": {**SHA512, "checksum": "x"}}, "location.validation_data"),
        (
            {"url": URL, "validation_data": {**SHA512, "os_hash_algo": "sha384"}},
            "location.validation_data.os_hash_algo",
        ),
        ({"url": URL, "validation_data": {**SHA512, "os_hash_value": "zz" * 64}}, "os_hash_value"),
        ({"url": URL, "validation_data": {**SHA512, "os_hash_value": "ab" * 32}}, "os_hash_value"),
    ],
)
def test_what_is_wrong_is_named_and_not_repeated(document, where):
    with pytest.raises(exception.InvalidParameter) as caught:
        location_schema.addition_in(document)
    assert caught.value.kwargs["name"] == where
    assert SECRET not in caught.value.msg


def test_a_location_of_a_patch():
    schema = image_schema.ImageSchema(image_schema.base_properties([], []), {})
    schema.check_location({"url": "http://web/x", "metadata": {}})
    for wrong in (
        {"url": URL},
        {"url": URL + "x" * 255, "metadata": {}},
        {"url": URL, "metadata": {}, "id": 5},
        {"url": URL, "metadata": {}, "validation_data": {"checksum": "x"}},
    ):
        with pytest.raises(exception.InvalidParameter) as caught:
            schema.check_location(wrong)
        assert SECRET not in caught.value.msg
