import hashlib

import pytest

from imagesvc import exception
from imagesvc.registry import locations, patching

DATA = b"data"
HASHES = {
    "checksum": hashlib.md5(DATA, usedforsecurity=False).hexdigest(),
    "os_hash_algo": "sha512",
    "os_hash_value": hashlib.sha512(DATA).hexdigest(),
}
A, B, C = (f"http://web/{name}" for name in "abc")


def _row(url, number, **metadata):
    return {"id": number, "url": url, "metadata": metadata, "status": "active"}


def _image(*rows, status="queued", **columns):
    return {
        "id": "i",
        "version": 3,
        "status": status,
        "size": None,
        "disk_format": "raw",
        "container_format": "bare",
        **dict.fromkeys(HASHES),
        "properties": {},
        "tags": [],
        "locations": list(rows),
        **columns,
    }


def _active(*rows, size=4, **columns):
    return _image(*(rows or [_row(A, 1)]), status="active", size=size, **columns)


def _given(url=A, size=4, **more):
    return {"url": url, "metadata": {}, "size": size, **more}


def _add(*given, position="-"):
    return [{"op": "add", "path": ["locations", position], "value": one, "algorithm": "sha512"} for one in given]


def _set(*given):
    return [{"op": "replace", "path": ["locations"], "value": list(given), "algorithm": "sha512"}]


def _remove(position, **weights):
    return [{"op": "remove", "path": ["locations", position], "weights": weights}]


def _urls(draft):
    return [location["url"] for location in draft.locations]


# -- adding ------------------------------------------------------------------------------------------


def test_a_first_location_is_an_images_data():
    draft = patching.apply(_image(), _add(_given(validation_data=HASHES)))
    assert draft.columns == {"status": "active", "size": 4, **HASHES}
    assert draft.locations == [{"id": None, "url": A, "metadata": {}, "status": "active"}]


def test_formats_come_first():
    with pytest.raises(exception.FormatsNotSet):
        patching.apply(_image(disk_format=None), _add(_given()))
    change = {"op": "replace", "path": ["disk_format"], "value": "raw"}
    assert _urls(patching.apply(_image(disk_format=None), [change, *_add(_given())])) == [A]


def test_more_locations_of_the_same_data():
    draft = patching.apply(_active(), [*_add(_given(B), position="0"), *_add(_given(C), position="7")])
    assert (_urls(draft), draft.columns) == ([A, B, C], {})


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        (None, "validation_data"),
        ({**HASHES, "os_hash_value": "0" * 128}, "os_hash_value"),
        ({**HASHES, "checksum": "0" * 32}, "checksum"),
        ({**HASHES, "os_hash_algo": "sha256"}, "os_hash_algo"),
        ({**HASHES, "checksum": 5}, "checksum"),
    ],
)
def test_data_that_has_a_hash_gets_locations_with_this_hash(said, wrong):
    image = _active(**HASHES)
    assert _urls(patching.apply(image, _add(_given(B, validation_data=HASHES)))) == [A, B]
    given = _given(B) if said is None else _given(B, validation_data=said)
    with pytest.raises(exception.ValidationFailed) as caught:
        patching.apply(image, _add(given))
    assert caught.value.kwargs["name"] == wrong


def test_data_of_another_size_is_other_data():
    with pytest.raises(exception.ValidationFailed):
        patching.apply(_active(), _add(_given(B, size=5)))


def test_data_of_unknown_size_is_of_any():
    assert _urls(patching.apply(_active(size=None), _add(_given(B, size=5)))) == [A, B]


def test_active_data_gets_no_hash_afterwards():
    with pytest.raises(exception.ValidationFailed):
        patching.apply(_active(), _add(_given(B, validation_data=HASHES)))


def test_a_hash_may_come_with_the_second_location_of_a_patch():
    draft = patching.apply(_image(), _set(_given(), _given(B, validation_data=HASHES)))
    assert draft.columns["os_hash_value"] == HASHES["os_hash_value"]
    other = {**HASHES, "os_hash_value": "0" * 128}
    with pytest.raises(exception.ValidationFailed):
        patching.apply(_image(), _set(_given(validation_data=HASHES), _given(B, validation_data=other)))


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"os_hash_algo": "sha256"}, "os_hash_algo"),
        ({"os_hash_value": "z" * 128}, "os_hash_value"),
        ({"os_hash_value": "0" * 64}, "os_hash_value"),
        ({"os_hash_value": 5}, "os_hash_value"),
        ({"checksum": "z" * 32}, "checksum"),
    ],
)
def test_validation_data_must_be_able_to_be_true(wrong, name):
    with pytest.raises(exception.ValidationFailed) as caught:
        patching.apply(_image(), _add(_given(validation_data={**HASHES, **wrong})))
    assert caught.value.kwargs["name"] == name


@pytest.mark.parametrize("said", ["text", [], {}, {"checksum": "0" * 32}, {"os_hash_algo": "sha512"}])
def test_validation_data_says_the_hash_and_its_algorithm(said):
    with pytest.raises(exception.InvalidParameter) as caught:
        patching.apply(_image(), _add(_given(validation_data=said)))
    assert caught.value.kwargs["name"] == "validation_data"


def test_there_are_no_digests_of_an_algorithm_that_nobody_knows():
    with pytest.raises(exception.ValidationFailed, match="not known here"):
        locations.digest("os_hash_value", "00", "rot13")


def test_digests_are_kept_in_lower_case():
    draft = patching.apply(
        _image(), _add(_given(validation_data={**HASHES, "os_hash_value": HASHES["os_hash_value"].upper()}))
    )
    assert draft.columns["os_hash_value"] == HASHES["os_hash_value"]


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (_given(A), exception.LocationExists),
        (_given("file:///etc/passwd"), exception.InvalidLocation),
        (_given("FILE:///etc/passwd"), exception.InvalidLocation),
        (_given("rbd://a/b/c/d"), exception.InvalidLocation),
        (_given("http%3A//x"), exception.InvalidLocation),
        (_given(B, fault="its server is away"), exception.InvalidLocation),
        (_given(B, size=None), exception.InvalidParameter),
        (_given(B, size=-1), exception.InvalidParameter),
        (_given(5), exception.InvalidParameter),
        ("text", exception.InvalidParameter),
        ({**_given(B), "metadata": {"a": 1}}, exception.InvalidParameter),
        ({**_given(B), "metadata": {"a": [{"b": None}]}}, exception.InvalidParameter),
        ({**_given(B), "metadata": {"a": "x" * 65_536}}, exception.InvalidParameter),
        ({**_given(B), "metadata": []}, exception.InvalidParameter),
        ({**_given(B), "metadata": {"a\0": "x"}}, exception.InvalidParameter),
        (_given(B, validation_data="text"), exception.InvalidParameter),
    ],
)
def test_what_cannot_be_a_location(given, error):
    image = _active()
    with pytest.raises(error):
        patching.apply(image, _add(given))
    assert image == _active()


@pytest.mark.parametrize("status", ["saving", "importing", "deactivated", "killed"])
def test_only_queued_and_active_images_get_locations(status):
    for changes in (_add(_given(B)), _set(_given(A))):
        with pytest.raises(exception.LocationStatusForbids):
            patching.apply(_active(_row(A, 1)) | {"status": status}, changes)


@pytest.mark.parametrize("position", ["x", "-1", "", "٣", 5, "1" * 10])
def test_positions_are_numbers(position):
    for changes in (_add(_given(B), position=position), _remove(position)):
        with pytest.raises(exception.InvalidPosition):
            patching.apply(_active(_row(A, 1), _row(C, 2)), changes)


# -- removing ----------------------------------------------------------------------------------------


def test_a_location_is_removed_by_its_position_as_clients_see_it():
    image = _active(_row(A, 1, store="light"), _row(B, 2, store="heavy"))
    assert _urls(patching.apply(image, _remove("0"))) == [B]
    assert _urls(patching.apply(image, _remove("0", heavy=10))) == [A]


def test_the_last_location_stays():
    for changes in (_remove("0"), _set()):
        with pytest.raises(exception.LastLocation):
            patching.apply(_active(), changes)
    with pytest.raises(exception.LastLocation):
        patching.apply(_active(_row(A, 1), _row(B, 2)), [*_remove("0"), *_remove("0")])


@pytest.mark.parametrize("position", ["2", "-"])
def test_there_must_be_a_location_to_remove(position):
    with pytest.raises(exception.InvalidPosition):
        patching.apply(_active(_row(A, 1), _row(B, 2)), _remove(position))


def test_only_active_images_lose_locations():
    with pytest.raises(exception.LocationStatusForbids):
        patching.apply(_image(_row(A, 1), _row(B, 2)), _remove("0"))


# -- replacing ---------------------------------------------------------------------------------------


def test_an_empty_list_is_replaced():
    draft = patching.apply(_image(), _set(_given(A), _given(B)))
    assert (_urls(draft), draft.columns["status"]) == ([A, B], "active")


def test_what_is_noted_is_replaced_but_not_where_the_data_is():
    image = _active(_row(A, 1, store="web", old="x"), _row("file:///x", 2))
    given = [
        {**_given("file:///x", fault="no"), "metadata": {"n": ["1"]}},
        {**_given(A), "metadata": {"store": "other", "new": "y"}},
    ]
    draft = patching.apply(image, _set(*given))
    assert draft.locations == [_row(A, 1, new="y", store="web"), _row("file:///x", 2, n=["1"])]
    assert image["locations"][0] == _row(A, 1, store="web", old="x")


@pytest.mark.parametrize("urls", [[B], [A, B], [A, A]])
def test_other_locations_cannot_take_the_place_of_those_that_are_there(urls):
    with pytest.raises(exception.InvalidLocation):
        patching.apply(_active(), _set(*map(_given, urls)))


@pytest.mark.parametrize(
    "change",
    [
        {"op": "add", "path": ["locations"], "value": []},
        {"op": "replace", "path": ["locations", "0"], "value": _given()},
        {"op": "remove", "path": ["locations"]},
        {"op": "add", "path": ["locations", "0", "url"], "value": A},
        {"op": "move", "path": ["locations", "0"]},
    ],
)
def test_other_changes_of_locations_are_none(change):
    with pytest.raises(exception.InvalidPatch):
        patching.apply(_active(), [change])


@pytest.mark.parametrize("value", [_given(), {}, 5, None])
def test_a_list_is_replaced_by_a_list(value):
    with pytest.raises(exception.InvalidParameter):
        patching.apply(_active(), [{"op": "replace", "path": ["locations"], "value": value}])


def test_rules():
    assert locations.rules([{"op": "add", "path": ["name"]}, "junk", {"op": "match"}]) == []
    assert locations.rules([*_add(_given()), *_set()]) == ["set_image_location"]
    assert locations.rules(_remove("0")) == ["delete_image_location"]
    assert locations.rules([*_add(_given()), *_remove("0")]) == ["delete_image_location", "set_image_location"]
