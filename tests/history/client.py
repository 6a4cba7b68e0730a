"""One request and what becomes of it in the log: acknowledged, refused, or unknown."""

import hashlib
import re
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import requests
import urllib3

from tests.fixtures.images import ImageClient
from tests.history.log import History, Operation, Outcome

#: What the service promises about an operation that it says it has not done.
_NOTHING_DONE = "nothing was done"

#: Attributes of every image; what else an answer holds are custom properties.
_BASE = frozenset(
    {
        "id",
        "name",
        "status",
        "visibility",
        "protected",
        "os_hidden",
        "checksum",
        "os_hash_algo",
        "os_hash_value",
        "owner",
        "size",
        "virtual_size",
        "container_format",
        "disk_format",
        "created_at",
        "updated_at",
        "tags",
        "direct_url",
        "min_ram",
        "min_disk",
        "self",
        "file",
        "schema",
        "locations",
        "stores",
    }
)
_SUCCESS = {"create": 201, "upload": 204, "delete": 204}


class LoggingClient:
    """Requests of one client, each written down.

    :param name: of the client, in the log.
    :param keep_alive: whether it uses a connection for more than one request.
    """

    def __init__(self, name: str, url: str, history: History, timeout: float, *, keep_alive: bool = True) -> None:
        self._name = name
        self._api = ImageClient(url, timeout=timeout)
        if not keep_alive:
            self._api.session.headers["Connection"] = "close"
        self._history = history

    def create(self, image: str, tags: list[str], properties: Mapping[str, str]) -> Operation:
        sent = {"tags": tags, "properties": dict(properties)}
        return self._do("create", image, sent, lambda: self._api.create(id=image, tags=tags, **properties))

    def upload(self, image: str, data: bytes, body: bytes | Iterable[bytes]) -> Operation:
        """:param body: ``data``, or its pieces, which go chunked and as fast as they come."""
        sent = {"digest": _digest(data), "size": len(data)}
        return self._do("upload", image, sent, lambda: self._api.upload(image, body))

    def patch(self, image: str, properties: Mapping[str, str]) -> Operation:
        changes = [{"op": "add", "path": f"/{name}", "value": value} for name, value in properties.items()]
        return self._do("patch", image, {"properties": dict(properties)}, lambda: self._api.patch(image, *changes))

    def tag(self, image: str, tags: list[str]) -> Operation:
        change = {"op": "replace", "path": "/tags", "value": tags}
        return self._do("tag", image, {"tags": tags}, lambda: self._api.patch(image, change))

    def show(self, image: str) -> Operation:
        return self._do("show", image, {}, lambda: self._api.show(image))

    def download(self, image: str) -> Operation:
        return self._do("download", image, {}, lambda: self._api.download(image))

    def delete(self, image: str) -> Operation:
        return self._do("delete", image, {}, lambda: self._api.delete(image))

    def _do(self, kind: str, image: str, sent: Mapping[str, Any], call: Callable[[], requests.Response]) -> Operation:
        start = time.monotonic()
        outcome: Outcome = "unknown"
        status, seen = 0, {}
        try:
            response = call()
        except requests.RequestException as error:
            if _was_never_sent(error):
                outcome = "refused"
            seen = {"message": f"{type(error).__name__}: {error}"[:300]}
        else:
            status, outcome = response.status_code, _outcome(kind, response)
            seen = _told(kind, response)
        operation = Operation(self._name, kind, image, start, time.monotonic(), outcome, status, sent, seen)
        self._history.add(operation)
        return operation


def view(image: Mapping[str, Any]) -> dict[str, Any]:
    """What the model knows of an image as the API shows it."""
    return {
        "status": image["status"],
        "digest": image["os_hash_value"],
        "size": image["size"],
        "tags": image["tags"],
        "properties": {name: value for name, value in image.items() if name not in _BASE},
        "locations": [location["url"] for location in image["locations"]],
    }


def _outcome(kind: str, response: requests.Response) -> Outcome:
    status = response.status_code
    if status == _SUCCESS.get(kind, 200) or (kind == "download" and status == 204):
        return "acknowledged"
    if 400 <= status < 500 or (status == 503 and _NOTHING_DONE in response.text):
        return "refused"
    return "unknown"


def _told(kind: str, response: requests.Response) -> dict[str, Any]:
    if response.status_code >= 400:
        return {"message": response.text[:300], "retry_after": response.headers.get("Retry-After")}
    if kind == "download":
        return {"digest": _digest(response.content), "size": len(response.content)} if response.content else {}
    return {} if kind in {"upload", "delete"} else view(response.json())


def _was_never_sent(error: requests.RequestException) -> bool:
    """Whether there was not even a connection."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(reason, urllib3.exceptions.NewConnectionError) and bool(re.search("refused", str(reason)))


def _digest(data: bytes) -> str:
    return hashlib.sha512(data).hexdigest()
