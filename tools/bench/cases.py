"""What is measured: each case prepares itself, then does one unit of work per call."""

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass

from client import Client, random_blocks

Work = Callable[[Client, int], None]
_PATCH_TYPE = "application/openstack-images-v2.1-json-patch"


@dataclass(frozen=True)
class Case:
    """A case: ``prepare(client, options)`` returns the unit of work.

    :param clients: connections working at once.
    :param units: repetitions in all of a round.
    :param bytes_moved: image bytes one unit moves, for MiB/s.
    """

    name: str
    prepare: Callable[[Client], Work]
    clients: int
    units: int
    bytes_moved: int = 0


def _expect(
    client: Client, method: str, path: str, status: int, body: object = None, media: str = "application/json"
) -> bytes:
    response = client.request(method, path, b"" if body is None else json.dumps(body).encode(), media)
    if response.status != status:
        raise AssertionError(f"{method} {path}: {response.status} {response.body[:300]!r}")
    return response.body


def create(client: Client, **fields: object) -> str:
    """Create an image and return its id."""
    body = {"name": "bench", "disk_format": "raw", "container_format": "bare", **fields}
    identifier: str = json.loads(_expect(client, "POST", "/v2/images", 201, body))["id"]
    return identifier


def fill(client: Client, count: int) -> None:
    """A catalogue of ``count`` images with 8 properties and 2 tags each; what is there counts."""
    page = f"/v2/images?limit={min(count, 1000)}&tag=bench-fill"
    have = len(json.loads(_expect(client, "GET", page, 200))["images"])
    for number in range(have, count):
        properties = {f"bench_{key}": f"value {number}" for key in range(8)}
        create(client, name=f"fill-{number}", tags=["bench-fill", f"bench-{number % 10}"], **properties)


def _get(path: str) -> Callable[[Client], Work]:
    return lambda _client: lambda client, _number: void(_expect(client, "GET", path, 200))


def void(_value: object) -> None:
    """Drop a result."""


def _show(client: Client) -> Work:
    identifier = create(client)
    return lambda worker, _number: void(_expect(worker, "GET", f"/v2/images/{identifier}", 200))


def _create_delete(_client: Client) -> Work:
    return lambda worker, _number: void(_expect(worker, "DELETE", f"/v2/images/{create(worker)}", 204))


def _patch(client: Client) -> Work:
    identifiers = [create(client) for _ in range(16)]

    def work(worker: Client, number: int) -> None:
        change = [{"op": "replace", "path": "/name", "value": f"bench-{number}"}]
        _expect(worker, "PATCH", f"/v2/images/{identifiers[number % 16]}", 200, change, _PATCH_TYPE)

    return work


def _upload(size: int) -> Callable[[Client], Work]:
    def prepare(_client: Client) -> Work:
        def work(worker: Client, _number: int) -> None:
            identifier = create(worker)
            response = worker.upload(f"/v2/images/{identifier}/file", random_blocks(size), size)
            if response.status != 204:
                raise AssertionError(f"upload: {response.status} {response.body[:300]!r}")
            _expect(worker, "DELETE", f"/v2/images/{identifier}", 204)

        return work

    return prepare


def _download(size: int) -> Callable[[Client], Work]:
    def prepare(client: Client) -> Work:
        identifier = create(client)
        client.upload(f"/v2/images/{identifier}/file", random_blocks(size), size)

        def work(worker: Client, _number: int) -> None:
            response = worker.download(f"/v2/images/{identifier}/file")
            if (response.status, response.length) != (200, size):
                raise AssertionError(f"download: {response.status}, {response.length} bytes")

        return work

    return prepare


def all_cases(size: int, scale: float) -> list[Case]:
    """Every case; ``size`` bytes per transfer, ``scale`` times the usual number of units."""

    def units(count: int) -> int:
        return max(1, int(count * scale))

    return [
        Case("show, 1 client", _show, 1, units(300)),
        Case("show, 16 clients", _show, 16, units(1600)),
        Case("list of 20", _get("/v2/images?limit=20"), 4, units(200)),
        Case("list of 1000", _get("/v2/images?limit=1000"), 1, units(6)),
        Case("list by tag", _get("/v2/images?limit=20&tag=bench-3"), 4, units(200)),
        Case("list by property", _get("/v2/images?limit=20&bench_1=value%2011"), 4, units(200)),
        Case("create+delete, 4 clients", _create_delete, 4, units(160)),
        Case("PATCH, 1 client", _patch, 1, units(150)),
        Case("PATCH, 16 clients", _patch, 16, units(320)),
        Case("upload", _upload(size), 1, units(1), size),
        Case("download", _download(size), 1, units(2), size),
    ]


def numbers(total: int, clients: int) -> list[list[int]]:
    """Which unit numbers each of ``clients`` does."""
    shares: list[list[int]] = [[] for _ in range(clients)]
    for number, share in zip(range(total), itertools.cycle(shares), strict=False):
        share.append(number)
    return shares
