import jsonschema
import pytest

from imagesvc.api.v2 import violations


def violation(schema, value):
    return violations.worst(jsonschema.Draft4Validator(schema), value)


@pytest.mark.parametrize(
    ("schema", "value", "text"),
    [
        ({"type": "string"}, None, "it must be string, not null"),
        ({"type": ["null", "string"]}, True, "it must be null or string, not boolean"),
        ({"type": "string"}, {"a": None}, "it must be string, not object"),
        ({"type": "string"}, [1], "it must be string, not array"),
        ({"type": "integer"}, "password", "it must be integer, not string"),
        ({"type": "integer"}, 5.0, "it must be integer, not number"),
        ({"enum": [None, "a", 1]}, "b", "it must be one of null, a, 1"),
        ({"required": ["a", "b", "c"]}, {"b": 1}, "it must have a, c"),
        ({"properties": {"a": {}}, "additionalProperties": False}, {"a": 1, "b": 2}, "it cannot have b"),
        ({"dependencies": {"a": ["b"], "b": ["a"]}}, {"a": 1}, "beside a it must have b"),
        ({"pattern": "^a$"}, "b", "it must match ^a$"),
        ({"maxLength": 1}, "ab", "it must not have more than 1 characters"),
        ({"minLength": 1}, "", "it must not have fewer than 1 characters"),
        ({"maxItems": 1}, [1, 2], "it must not have more than 1 items"),
        ({"minItems": 1}, [], "it must not have fewer than 1 items"),
        ({"maximum": 1}, 2, "it must not be greater than 1"),
        ({"minimum": 1}, 0, "it must not be less than 1"),
        ({"uniqueItems": True}, [1, 1], "no two of its items may be the same"),
        ({"not": {}}, None, "it does not fit 'not' of its schema"),
    ],
)
def test_says_what_the_value_must_be(schema, value, text):
    assert violations.reason(violation(schema, value)) == text


def test_is_never_long():
    assert len(violations.reason(violation({"enum": ["x" * 1000]}, "y"))) == 500


def test_nothing_is_wrong_with_what_fits():
    assert violation({"type": "null"}, None) is None
