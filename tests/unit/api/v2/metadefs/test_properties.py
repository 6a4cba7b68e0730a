import pytest

PROPERTY = {
    "name": "bus",
    "title": "Bus",
    "type": "array",
    "description": "d",
    "operators": ["<or>"],
    "default": ["scsi", 1.5, None],
    "readonly": False,
    "minimum": 0.5,
    "maximum": 2**70,
    "minLength": 0,
    "maxLength": 9,
    "pattern": "^[a-z]+$",
    "enum": [1, "a", None],
    "items": {"type": "string", "enum": ["scsi"]},
    "minItems": 0,
    "maxItems": 3,
    "uniqueItems": True,
    "additionalItems": False,
}


def test_life(ask, namespace):
    path = f"{namespace}/properties"
    created = ask("POST", path, PROPERTY)
    assert (created.status_int, created.json) == (201, PROPERTY)
    assert ask("GET", f"{path}/bus").json == PROPERTY
    assert ask("GET", path).json == {"properties": {"bus": PROPERTY}}
    changed = ask("PUT", f"{path}/bus", {"name": "b", "title": "B", "type": "string"})
    assert (changed.status_int, changed.json) == (200, {"name": "b", "title": "B", "type": "string"})
    assert ask("DELETE", f"{path}/b").status_int == 204
    assert ask("GET", path).json == {"properties": {}}
    ask("POST", path, PROPERTY)
    assert ask("DELETE", path).status_int == 204
    assert ask("GET", path).json == {"properties": {}}


def test_a_property_of_a_resource(ask, namespace):
    ask("POST", f"{namespace}/resource_types", {"name": "R", "prefix": "hw_"})
    ask("POST", f"{namespace}/properties", PROPERTY)
    assert ask("GET", f"{namespace}/properties/hw_bus?resource_type=R").json == PROPERTY
    assert ask("GET", f"{namespace}/properties/bus?resource_type=R").status_int == 404
    assert ask("GET", f"{namespace}/properties/bus?resource_type=S").status_int == 404


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "", PROPERTY, 409),
        ("POST", "", {**PROPERTY, "name": "a/b"}, 400),
        ("POST", "", {**PROPERTY, "created_at": "x"}, 403),
        ("PUT", "/bus", {"name": "bus"}, 400),
        ("PUT", "/nope", PROPERTY, 404),
        ("DELETE", "/nope", None, 404),
        ("GET", "/nope", None, 404),
        ("GET", "", {"a": 1}, 400),
    ],
)
def test_errors(ask, namespace, method, path, body, status):
    ask("POST", f"{namespace}/properties", PROPERTY)
    assert ask(method, f"{namespace}/properties{path}", body).status_int == status
    assert ask("GET", f"{namespace}/properties").json == {"properties": {"bus": PROPERTY}}
