"""What glance-api reports about stored data, checked.  Pure."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from imagesvc import exception
from imagesvc.registry import fields

_MOST_BYTES = 2**63 - 1


@dataclasses.dataclass(frozen=True, slots=True)
class Data:
    """An image's data: columns of the image, and its location."""

    columns: dict[str, Any]
    url: str
    metadata: dict[str, Any]


def checked(blob: Mapping[str, Any], os_hash_algo: str, virtual_size: int | None) -> Data:
    """The parts of a report that become the image's.

    :param blob: primitive of :class:`imagesvc.objects.StoredBlob`.
    :raises InvalidParameter: naming the part that is wrong.
    """
    if not isinstance(blob, Mapping) or not isinstance(blob.get("metadata", {}), Mapping):
        raise exception.InvalidParameter(name="blob", reason="an object is needed")
    return Data(
        columns={
            "size": fields.number("size", blob.get("size"), _MOST_BYTES),
            "virtual_size": None if virtual_size is None else fields.number("virtual_size", virtual_size, _MOST_BYTES),
            "checksum": _hash("checksum", blob.get("checksum"), 32),
            "os_hash_algo": fields.text("os_hash_algo", os_hash_algo, 64),
            "os_hash_value": _hash("os_hash_value", blob.get("os_hash_value"), 128),
        },
        url=fields.text("url", blob.get("url"), 65_535),
        metadata=dict(blob.get("metadata", {})),
    )


def _hash(name: str, value: Any, longest: int) -> str | None:
    return None if value is None else fields.text(name, value, longest)
