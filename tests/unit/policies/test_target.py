import pytest

from imagesvc.policies import ImageTarget

IMAGE = {
    "id": "i",
    "owner": "p1",
    "name": None,
    "protected": False,
    "properties": {"os": "linux", "id": "other", "x": None},
}


def test_names_of_an_image():
    target = ImageTarget(IMAGE, "p2")
    assert dict(target) == {
        "id": "i",
        "image_id": "i",
        "owner": "p1",
        "project_id": "p1",
        "member_id": "p2",
        "protected": False,
        "properties": IMAGE["properties"],
        "os": "linux",
    }
    assert len(target) == 8


@pytest.mark.parametrize("name", ["name", "x", "member_id", "nope"])
def test_what_is_null_is_not_there(name):
    with pytest.raises(KeyError):
        ImageTarget(IMAGE)[name]


def test_text_is_filled_from_it_as_rules_do():
    rule = "%(project_id)s/%(os)s"
    assert rule % ImageTarget(IMAGE) == "p1/linux"
