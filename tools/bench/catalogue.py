"""A catalogue of many images, written straight into a database of Glance's schema, which both services read.

Through an API it would take hours, and the services would have different ones.
"""

import datetime as dt
import uuid
from collections.abc import Iterator
from typing import Any

import sqlalchemy

PROPERTIES = 8
TAG_OF_ALL = "bench-fill"
_TAGS = 10
_BATCH = 1000

Row = dict[str, Any]


def fill(url: str, count: int, owner: str) -> None:
    """Write ``count`` images of ``owner``, with 8 properties, 2 tags and a task each, into the database at ``url``."""
    engine = sqlalchemy.create_engine(url)
    tables = sqlalchemy.MetaData()
    tables.reflect(engine, only=("images", "image_properties", "image_tags", "tasks"))
    with engine.begin() as connection:
        for first in range(0, count, _BATCH):
            images = list(_images(range(first, min(first + _BATCH, count)), owner))
            connection.execute(tables.tables["images"].insert(), images)
            connection.execute(tables.tables["image_properties"].insert(), list(_properties(images)))
            connection.execute(tables.tables["image_tags"].insert(), list(_tags(images)))
            connection.execute(tables.tables["tasks"].insert(), [_task(image) for image in images])
    engine.dispose()


def _images(numbers: range, owner: str) -> Iterator[Row]:
    start = dt.datetime(2026, 1, 1)  # noqa: DTZ001 - Glance's schema keeps UTC without saying so
    for number in numbers:
        when = start + dt.timedelta(seconds=number)
        yield {
            "id": id_of(number),
            "name": f"fill-{number}",
            "status": "queued",
            "visibility": "shared",
            "owner": owner,
            "disk_format": "raw",
            "container_format": "bare",
            "min_disk": 0,
            "min_ram": 0,
            "protected": False,
            "os_hidden": False,
            "deleted": False,
            "created_at": when,
            "updated_at": when,
        }


def id_of(number: int) -> str:
    """Id of the image with a number; the higher it is the newer is the image, by a second."""
    return str(uuid.UUID(int=(number * 0x9E3779B97F4A7C15F39CC0605CEDC835) % (1 << 128), version=4))


def _properties(images: list[Row]) -> Iterator[Row]:
    for image in images:
        for key in range(PROPERTIES):
            value = image["name"].replace("fill-", "value ")
            yield _child(image) | {"name": f"bench_{key}", "value": value}


def _tags(images: list[Row]) -> Iterator[Row]:
    for number, image in enumerate(images):
        for tag in (TAG_OF_ALL, f"bench-{number % _TAGS}"):
            yield _child(image) | {"value": tag}


def _task(image: Row) -> Row:
    return {
        "id": image["id"],
        "type": "api_image_import",
        "status": "success",
        "owner": image["owner"],
        "image_id": image["id"],
        "expires_at": image["created_at"] + dt.timedelta(days=36_500),
        "created_at": image["created_at"],
        "updated_at": image["updated_at"],
        "deleted": False,
    }


def _child(image: Row) -> Row:
    return {"image_id": image["id"], "created_at": image["created_at"], "deleted": False}
