"""What a value must be that a JSON Schema does not allow, in words for people.

The library's own words show Python, and repeat the value, which may be an URL with a password.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

import jsonschema

_LONGEST = 500
_LONGEST_NAME = 60
_TYPES: Mapping[type, str] = {
    type(None): "null",
    bool: "boolean",
    str: "string",
    list: "array",
    dict: "object",
    int: "integer",
}


def worst(validator: Any, value: Any) -> jsonschema.ValidationError | None:
    """The violation that says most; None where the schema allows the value."""
    return jsonschema.exceptions.best_match(validator.iter_errors(value))


def reason(error: jsonschema.ValidationError) -> str:
    """What the value at the error's place must be."""
    say = _WORDS.get(error.validator)
    text = f"it does not fit '{error.validator}' of its schema" if say is None else say(error.validator_value, error)
    return text[:_LONGEST]


def _listed(names: Any) -> str:
    return ", ".join(name if isinstance(name, str) else json.dumps(name) for name in names)


def _types(wanted: str | list[str], error: jsonschema.ValidationError) -> str:
    names = [wanted] if isinstance(wanted, str) else wanted
    return f"it must be {' or '.join(names)}, not {_TYPES.get(type(error.instance), 'number')}"


def _missing(required: list[str], error: jsonschema.ValidationError) -> str:
    return f"it must have {_listed(name for name in required if name not in error.instance)}"


def _surplus(_allowed: Any, error: jsonschema.ValidationError) -> str:
    known = error.schema.get("properties", {})
    return f"it cannot have {_listed(name[:_LONGEST_NAME] for name in error.instance if name not in known)}"


def _lonely(companions: Mapping[str, list[str]], error: jsonschema.ValidationError) -> str:
    alone = {name: names for name, names in companions.items() if name in error.instance}
    lacking = {other for names in alone.values() for other in names if other not in error.instance}
    return f"beside {_listed(alone)} it must have {_listed(sorted(lacking))}"


_WORDS: Mapping[str, Callable[[Any, jsonschema.ValidationError], str]] = {
    "type": _types,
    "enum": lambda allowed, _error: f"it must be one of {_listed(allowed)}",
    "required": _missing,
    "additionalProperties": _surplus,
    "dependencies": _lonely,
    "pattern": lambda pattern, _error: f"it must match {pattern}",
    "maxLength": lambda most, _error: f"it must not have more than {most} characters",
    "minLength": lambda least, _error: f"it must not have fewer than {least} characters",
    "maxItems": lambda most, _error: f"it must not have more than {most} items",
    "minItems": lambda least, _error: f"it must not have fewer than {least} items",
    "maximum": lambda most, _error: f"it must not be greater than {most}",
    "minimum": lambda least, _error: f"it must not be less than {least}",
    "uniqueItems": lambda _wanted, _error: "no two of its items may be the same",
}
