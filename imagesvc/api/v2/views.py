"""Images, and what goes with them, as clients see them: JSON with the fields, names and order of the Images API."""

import dataclasses
import json
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Any

from imagesvc import objects

#: Fields of a task in the order of Glance's row.
_TASK_ROW = (
    "id",
    "type",
    "status",
    "owner",
    "expires_at",
    "created_at",
    "updated_at",
    "deleted_at",
    "deleted",
    "image_id",
    "request_id",
    "user_id",
    "input",
    "result",
    "message",
)


_encode = json.JSONEncoder(ensure_ascii=False, check_circular=False).encode


@dataclasses.dataclass(frozen=True, slots=True)
class ImageView:
    """Renders images.

    :param direct_url: show the URL of the first location.
    :param locations: show all locations.
    :param stores: show the ids of the stores that hold the data.
    :param weights: of the stores by id; those with more come first.
    """

    direct_url: bool
    locations: bool
    stores: bool
    weights: Mapping[str, int] = dataclasses.field(default_factory=dict)

    def show(self, image: objects.Image) -> dict[str, Any]:
        """One image as a JSON object."""
        url = f"/v2/images/{image.id}"
        document: dict[str, Any] = {
            **_custom(image.properties),
            "name": image.name,
            "disk_format": image.disk_format,
            "container_format": image.container_format,
            "visibility": image.visibility,
            "size": image.size,
            "virtual_size": image.virtual_size,
            "status": image.status,
            "checksum": image.checksum,
            "protected": image.protected,
            "min_ram": image.min_ram,
            "min_disk": image.min_disk,
            "owner": image.owner,
            "os_hidden": image.os_hidden,
            "os_hash_algo": image.os_hash_algo,
            "os_hash_value": image.os_hash_value,
            "id": image.id,
            "created_at": _time(image.created_at),
            "updated_at": _time(image.updated_at),
        }
        if self.locations or image.locations or image.stores:
            self._add_locations(document, image)
        document["tags"] = list(image.tags)
        document["self"] = url
        document["file"] = f"{url}/file"
        document["schema"] = "/v2/schemas/image"
        return document

    def _add_locations(self, document: dict[str, Any], image: objects.Image) -> None:
        locations = sorted(image.locations, key=lambda where: self._weight(where.metadata.get("store")), reverse=True)
        if self.locations:
            document["locations"] = [location(where) for where in locations]
        if self.direct_url and locations:
            document["direct_url"] = locations[0].url
        named = image.stores or [where.metadata.get("store") for where in locations]
        stores = [store for store in named if isinstance(store, str)]
        if self.stores and stores:
            document["stores"] = ",".join(sorted(stores, key=self._weight, reverse=True))

    def _weight(self, store: Any) -> int:
        return self.weights.get(store, 0) if isinstance(store, str) else 0

    def page(self, page: objects.ImagePage, query: Sequence[tuple[str, str]]) -> dict[str, Any]:
        """A page with links to the first and the next one.

        :param query: the request's parameters, which the links repeat.
        """
        return _page("images", [self.show(image) for image in page.images], page.next_marker, query)


def location(where: objects.Location) -> dict[str, Any]:
    """A place where an image's data is."""
    return {"url": where.url, "metadata": where.metadata}


def member(shared: objects.Member) -> dict[str, Any]:
    """A project that an image is shared with."""
    return {
        "member_id": shared.member,
        "image_id": shared.image_id,
        "status": shared.status,
        "created_at": _time(shared.created_at),
        "updated_at": _time(shared.updated_at),
        "schema": "/v2/schemas/member",
    }


def task(found: objects.Task) -> dict[str, Any]:
    """A task with its content."""
    document = {**_task(found), "input": found.input, "message": found.message or "", "result": found.result}
    for name in ("image_id", "request_id", "user_id"):
        if (value := getattr(found, name)) is not None:
            document[name] = value
    return document


def tasks(page: objects.TaskPage, query: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """A page of tasks without their content; ``query`` as of :meth:`ImageView.page`."""
    return _page("tasks", [_task(found) for found in page.tasks], page.next_marker, query)


def _task(found: objects.Task) -> dict[str, Any]:
    document = {
        "id": found.id,
        "type": found.type,
        "status": found.status,
        "owner": found.owner,
        "created_at": _time(found.created_at),
        "updated_at": _time(found.updated_at),
        "self": f"/v2/tasks/{found.id}",
        "schema": "/v2/schemas/task",
    }
    if found.expires_at is not None:
        document["expires_at"] = _time(found.expires_at)
    return document


def task_row(found: objects.Task) -> dict[str, Any]:
    """A task as lists of an image's tasks have it: like its row in the database."""
    return {name: getattr(found, name) for name in _TASK_ROW}


def dump(document: Any) -> bytes:
    """JSON as it goes out: UTF-8, nothing escaped that need not be, with the spaces that Glance's has: scripts look for them."""
    return _encode(document).encode("utf-8")


def _custom(properties: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value or "" for name, value in properties.items() if name not in objects.INTERNAL_PROPERTIES}


def _time(value: str) -> str:
    return f"{value[:19]}Z"


def _page(
    collection: str, items: list[dict[str, Any]], next_marker: str | None, query: Sequence[tuple[str, str]]
) -> dict[str, Any]:
    rest = [(name, value) for name, value in query if name != "marker"]
    document: dict[str, Any] = {collection: items, "first": _link(collection, rest)}
    if next_marker is not None:
        document["next"] = _link(collection, [*rest, ("marker", next_marker)])
    document["schema"] = f"/v2/schemas/{collection}"
    return document


def _link(collection: str, query: Sequence[tuple[str, str]]) -> str:
    path = f"/v2/{collection}"
    return f"{path}?{urllib.parse.urlencode(query)}" if query else path
