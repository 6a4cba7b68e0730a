"""What a PATCH does to an image's locations.  Pure.

glance-api has looked at a location before: a change brings what its store says of the size, or why the location cannot be used.
Locations are counted as clients see them, those in stores of more weight first.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from imagesvc import exception
from imagesvc.registry import fields, states

Location = dict[str, Any]

#: What users may name: their data is never this service's, which so can neither read nor delete what is another's.
_SCHEMES = ("http", "https")
_OPEN = (states.QUEUED, states.ACTIVE)
_MOST_BYTES = 2**63 - 1
#: Characters of a URL, and bytes of what is noted with it.
_LONGEST_URL = 65_535
_MOST_METADATA = 65_535
#: What the service notes with a location itself: the store it is in, by its present and its former name.
_OURS = ("store", "backend")
_HEXADECIMAL = re.compile(r"[0-9a-fA-F]+")


class Draft(Protocol):
    """The part of :class:`imagesvc.registry.patching.Draft` that changes here."""

    columns: dict[str, Any]
    locations: list[Location]


def is_change(change: Any) -> bool:
    """Whether a change is about locations."""
    path = change.get("path") if isinstance(change, Mapping) else None
    return isinstance(path, list | tuple) and bool(path) and path[0] == "locations"


def rules(changes: Sequence[Any]) -> list[str]:
    """The policy rules that allow what ``changes`` do to locations."""
    ops = {change.get("op") for change in changes if is_change(change)} - {"test"}
    found = ["delete_image_location"] if "remove" in ops else []
    return [*found, "set_image_location"] if ops - {"remove"} else found


def scheme_of(url: str) -> str:
    """The scheme of a URL; no part of it is decoded before."""
    return url.partition(":")[0].lower()


def is_for_users(url: str) -> bool:
    """Whether everybody may name this URL, and not only services."""
    return scheme_of(url) in _SCHEMES


def apply(image: Mapping[str, Any], draft: Draft, change: Mapping[str, Any]) -> None:
    """Do one operation to the draft's locations.

    :param change: ``{"op": ..., "path": ["locations", position], "value": location, "weights": {store: weight}, "algorithm":
        the service's own hash}``; replace has no position and a list.  A location has ``url``, ``metadata``, perhaps
        ``validation_data``, and ``size`` in bytes or else ``fault``.
    :raises ImageServiceError: it must not be done, says why.
    """
    op, path = change.get("op"), change["path"]
    if op == "add" and len(path) == 2:
        _check_status(image, draft, "added", _OPEN)
        if path[1] != "-":
            _index(path[1])
        _append(image, draft, change.get("value"), change.get("algorithm"))
    elif op == "remove" and len(path) == 2:
        _remove(image, draft, path[1], change.get("weights"))
    elif op == "replace" and len(path) == 1:
        _replace(image, draft, change)
    else:
        raise exception.InvalidPatch(reason="locations are added or removed one by one, and replaced all together")


def _status(image: Mapping[str, Any], draft: Draft) -> str:
    return str(draft.columns.get("status", image["status"]))


def _check_status(image: Mapping[str, Any], draft: Draft, action: str, wanted: Sequence[str]) -> None:
    status = _status(image, draft)
    if status not in wanted:
        raise exception.LocationStatusForbids(action=action, status=status)


def _index(position: Any) -> int:
    if not isinstance(position, str) or not (position.isascii() and position.isdigit() and len(position) < 10):
        raise exception.InvalidPosition(position=str(position)[:20])
    return int(position)


# -- operations --------------------------------------------------------------------------------------


def _remove(image: Mapping[str, Any], draft: Draft, position: Any, weights: Any) -> None:
    _check_status(image, draft, "removed", (states.ACTIVE,))
    index, seen = _index(position), _as_seen(draft.locations, weights)
    if index >= len(seen):
        raise exception.InvalidPosition(position=position)
    if len(seen) == 1:
        raise exception.LastLocation
    draft.locations.remove(seen[index])


def _as_seen(locations: Sequence[Location], weights: Any) -> list[Location]:
    known = weights if isinstance(weights, Mapping) else {}
    return sorted(locations, key=lambda location: -_weight(known, location))


def _weight(weights: Mapping[str, Any], location: Location) -> int:
    weight = weights.get(location["metadata"].get("store"))
    return weight if isinstance(weight, int) else 0


def _replace(image: Mapping[str, Any], draft: Draft, change: Mapping[str, Any]) -> None:
    """Fill an empty list, or change what is noted with the locations that are there."""
    value = change.get("value")
    if not isinstance(value, list):
        raise exception.InvalidParameter(name="locations", reason="a list is needed")
    if not value:
        raise exception.LastLocation
    _check_status(image, draft, "replaced", _OPEN)
    if not draft.locations:
        for given in value:
            _append(image, draft, given, change.get("algorithm"))
        return
    wanted = {_url(given): given for given in value}
    if len(wanted) != len(value) or wanted.keys() != {location["url"] for location in draft.locations}:
        raise exception.InvalidLocation(reason="only an empty list of locations can be replaced by other ones")
    draft.locations[:] = [_noted(location, wanted[location["url"]]) for location in draft.locations]


def _noted(location: Location, given: Mapping[str, Any]) -> Location:
    kept = {name: value for name, value in location["metadata"].items() if name in _OURS}
    return {**location, "metadata": {**_metadata(given, without=_OURS), **kept}}


def _append(image: Mapping[str, Any], draft: Draft, given: Any, algorithm: Any) -> None:
    url, metadata = _url(given), _metadata(given)
    if any(location["url"] == url for location in draft.locations):
        raise exception.LocationExists
    if not is_for_users(url):
        raise exception.InvalidLocation(reason="it is no http or https URL")
    if (fault := given.get("fault")) is not None:
        raise exception.InvalidLocation(reason=fields.text("fault", fault, 1000))
    size = fields.number("size", given.get("size"), _MOST_BYTES)
    if _status(image, draft) == states.QUEUED:
        _activate(image, draft, size, _validated(given, algorithm))
    else:
        _check_same(image, draft, size, given, algorithm)
    draft.locations.append({"id": None, "url": url, "metadata": metadata, "status": "active"})


def _activate(image: Mapping[str, Any], draft: Draft, size: int, hashes: Mapping[str, str]) -> None:
    """The image gets its data by its first location."""
    fields.check_formats({**image, **draft.columns})
    draft.columns.update(status=states.ACTIVE, size=size, **hashes)


def _check_same(image: Mapping[str, Any], draft: Draft, size: int, given: Mapping[str, Any], algorithm: Any) -> None:
    """One more location of data that is there has the same data, as far as anybody can say without reading it."""
    has = {**image, **draft.columns}
    if has["size"] is not None and size != has["size"]:
        raise exception.ValidationFailed(name="size", reason=f"it has {size} bytes, the image {has['size']}")
    if "status" in draft.columns and not has["os_hash_value"]:
        # Made active by an operation before this one, which did not say.
        draft.columns.update(_validated(given, algorithm))
        return
    said = given.get("validation_data")
    if said is None and has["os_hash_value"]:
        raise exception.ValidationFailed(
            name="validation_data", reason="the image has a hash, and so must a location that is added to it"
        )
    _check_said(has, said or {})


def _check_said(has: Mapping[str, Any], said: Any) -> None:
    if not isinstance(said, Mapping):
        raise exception.InvalidParameter(name="validation_data", reason="an object is needed")
    for name in ("checksum", "os_hash_algo", "os_hash_value"):
        if name not in said:
            continue
        if not has[name]:
            raise exception.ValidationFailed(name=name, reason="only a queued image can get a new value")
        if not isinstance(said[name], str) or said[name].lower() != has[name].lower():
            raise exception.ValidationFailed(name=name, reason="the image has another value")


# -- values ------------------------------------------------------------------------------------------


def _url(given: Any) -> str:
    if not isinstance(given, Mapping):
        raise exception.InvalidParameter(name="locations", reason="a location is an object")
    return fields.text("url", given.get("url"), _LONGEST_URL)


def _metadata(given: Mapping[str, Any], without: Sequence[str] = ()) -> dict[str, Any]:
    return {name: value for name, value in metadata(given.get("metadata")).items() if name not in without}


def metadata(value: Any) -> dict[str, Any]:
    """``value`` if it can be noted with a location: an object of strings, lists and objects.

    :raises InvalidParameter: it cannot.
    """
    if not isinstance(value, Mapping) or not _is_plain(value) or _length(value) > _MOST_METADATA:
        raise exception.InvalidParameter(
            name="metadata",
            reason="an object that consists of strings, lists and objects and is not too long is needed",
        )
    return dict(value)


def _is_plain(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(_is_plain(name) and _is_plain(item) for name, item in value.items())
    if isinstance(value, list):
        return all(map(_is_plain, value))
    if not isinstance(value, str) or "\0" in value:
        return False
    return value.encode(errors="replace").decode() == value


def _length(value: Any) -> int:
    if isinstance(value, Mapping):
        return sum(_length(name) + _length(item) + 8 for name, item in value.items())
    return sum(_length(item) + 4 for item in value) if isinstance(value, list) else len(value.encode())


def _validated(given: Mapping[str, Any], algorithm: Any) -> dict[str, str]:
    """The columns that ``validation_data`` says, in lower case.

    :raises ValidationFailed: it says what cannot be.
    """
    said = given.get("validation_data")
    if said is None:
        return {}
    if not isinstance(said, Mapping) or {"os_hash_algo", "os_hash_value"} - said.keys():
        raise exception.InvalidParameter(name="validation_data", reason="os_hash_algo and os_hash_value are needed")
    if said["os_hash_algo"] != algorithm:
        raise exception.ValidationFailed(name="os_hash_algo", reason=f"it must be {algorithm}")
    digests = {"os_hash_value": digest("os_hash_value", said["os_hash_value"], str(algorithm))}
    if "checksum" in said:
        digests["checksum"] = digest("checksum", said["checksum"], "md5")
    return {**digests, "os_hash_algo": str(algorithm)}


def digest(name: str, value: Any, algorithm: str) -> str:
    """``value`` if it can be a digest of this algorithm.

    :raises ValidationFailed: naming ``name``.
    """
    if not isinstance(value, str) or not _HEXADECIMAL.fullmatch(value):
        raise exception.ValidationFailed(name=name, reason="it is not hexadecimal")
    try:
        size = hashlib.new(algorithm, usedforsecurity=False).digest_size
    except ValueError:
        raise exception.ValidationFailed(name="os_hash_algo", reason="it is not known here") from None
    if size and len(value) != 2 * size:
        raise exception.ValidationFailed(name=name, reason=f"{algorithm} has {2 * size} digits")
    return value.lower()
