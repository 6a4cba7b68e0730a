"""What a request may say of an image's locations.

Messages name what is wrong and never repeat it: URLs of locations may hold passwords.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

import jsonschema

from imagesvc import exception
from imagesvc.api.v2 import violations

Schema = dict[str, Any]

_ALGORITHMS = ("sha1", "sha256", "sha512", "md5")
_HEXADECIMAL = re.compile(r"[0-9a-fA-F]+")

#: The body of a request that gives an image its data by telling where it is.
ADDITION: Schema = {
    "type": "object",
    "properties": {
        "url": {"type": "string", "maxLength": 65_535},
        "validation_data": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "os_hash_algo": {"type": "string", "enum": list(_ALGORITHMS)},
                "os_hash_value": {"type": "string"},
            },
            "dependencies": {"os_hash_algo": ["os_hash_value"], "os_hash_value": ["os_hash_algo"]},
        },
    },
    "required": ["url"],
}
_ADDITION = jsonschema.Draft4Validator(ADDITION)


def addition_in(document: Any) -> tuple[str, str | None, str | None]:
    """(URL, algorithm, digest) that a request brings; the latter two None when it says nothing of the data.

    :raises InvalidParameter: naming what is wrong.
    """
    check(_ADDITION, "location", document)
    said = document.get("validation_data") or {}
    algorithm, value = said.get("os_hash_algo"), said.get("os_hash_value")
    if algorithm is None or value is None:
        return document["url"], None, None
    _check_digest(algorithm, value)
    return document["url"], algorithm, value.lower()


def _check_digest(algorithm: str, value: str) -> None:
    digits = 2 * hashlib.new(algorithm, usedforsecurity=False).digest_size
    if not _HEXADECIMAL.fullmatch(value) or len(value) != digits:
        raise exception.InvalidParameter(
            name="os_hash_value", reason=f"{digits} hexadecimal digits are needed for {algorithm}"
        )


def check(validator: Any, name: str, value: Any) -> None:
    """Refuse a value that does not match a schema, without repeating what it holds.

    :param validator: one of jsonschema's.
    :raises InvalidParameter: naming where in ``name`` it is wrong, and what is needed there.
    """
    error = violations.worst(validator, value)
    if error is not None:
        where = ".".join([name, *(str(part) for part in error.absolute_path)])
        raise exception.InvalidParameter(name=where[:80], reason=violations.reason(error))


def check_keys(location: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    """Refuse what a location does not have."""
    if unknown := sorted(location.keys() - known.keys()):
        raise exception.InvalidParameter(name=f"locations.{unknown[0]:.32}", reason="a location has no such part")
