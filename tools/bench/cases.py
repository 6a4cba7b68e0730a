"""What is measured: each case prepares itself, then does one unit of work per call."""

import contextlib
import itertools
import json
import multiprocessing
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import catalogue
from client import Client, random_blocks

Work = Callable[[Client, int], None]
#: What goes on beside the work, in processes of its own.
Beside = Callable[[Client], contextlib.AbstractContextManager[None]]
_PATCH_TYPE = "application/openstack-images-v2.1-json-patch"
_BESIDE = 4


@dataclass(frozen=True)
class Case:
    """A case: ``prepare(client)`` returns the unit of work.

    :param clients: connections working at once.
    :param units: repetitions in all of a round.
    :param bytes_moved: image bytes one unit moves, for MiB/s.
    :param grows: whether its cost could depend on the catalogue's size.
    """

    name: str
    prepare: Callable[[Client], Work]
    clients: int
    units: int
    bytes_moved: int = 0
    grows: bool = False
    beside: Beside | None = None


def _expect(
    client: Client, method: str, path: str, status: int, body: object = None, media: str = "application/json"
) -> bytes:
    response = client.request(method, path, b"" if body is None else json.dumps(body).encode(), media)
    if response.status != status:
        raise AssertionError(f"{method} {path}: {response.status} {response.body[:300]!r}")
    return response.body


def _create(client: Client, **fields: object) -> str:
    """Create an image and return its id."""
    body = {"name": "bench", "disk_format": "raw", "container_format": "bare", **fields}
    identifier: str = json.loads(_expect(client, "POST", "/v2/images", 201, body))["id"]
    return identifier


def _upload(client: Client, size: int) -> str:
    identifier = _create(client)
    response = client.upload(f"/v2/images/{identifier}/file", random_blocks(size), size)
    if response.status != 204:
        raise AssertionError(f"upload: {response.status} {response.body[:300]!r}")
    return identifier


def _delete(client: Client, identifier: str) -> None:
    _expect(client, "DELETE", f"/v2/images/{identifier}", 204)


def _download(client: Client, identifier: str, size: int) -> None:
    response = client.download(f"/v2/images/{identifier}/file")
    if (response.status, response.length) != (200, size):
        raise AssertionError(f"download: {response.status}, {response.length} bytes")


# -- preparing -------------------------------------------------------------------------------------------


def _list(query: str, count: int) -> Callable[[Client], Work]:
    return lambda _client: _listing(query, count)


def _list_of_owner(query: str, count: int) -> Callable[[Client], Work]:
    """The same with the filter for the project that has the catalogue."""

    def prepare(client: Client) -> Work:
        image = json.loads(_expect(client, "GET", f"/v2/images/{catalogue.id_of(0)}", 200))
        return _listing(f"{query}&owner={image['owner']}", count)

    return prepare


def _listing(query: str, count: int) -> Work:
    def work(worker: Client, _number: int) -> None:
        found = len(json.loads(_expect(worker, "GET", f"/v2/images?{query}", 200))["images"])
        if found != count:
            raise AssertionError(f"{query}: {found} images instead of {count}")

    return work


def _tasks(worker: Client, _number: int) -> None:
    found = len(json.loads(_expect(worker, "GET", "/v2/tasks?limit=20", 200))["tasks"])
    if found != 20:
        raise AssertionError(f"{found} tasks instead of 20")


def _show(client: Client) -> Work:
    properties = {f"bench_{key}": "value" for key in range(catalogue.PROPERTIES)}
    identifier = _create(client, tags=["bench-one", "bench-two"], **properties)

    def work(worker: Client, _number: int) -> None:
        _expect(worker, "GET", f"/v2/images/{identifier}", 200)

    return work


def _create_delete(_client: Client) -> Work:
    return lambda worker, _number: _delete(worker, _create(worker))


def _patch(client: Client) -> Work:
    identifiers = [_create(client) for _ in range(16)]

    def work(worker: Client, number: int) -> None:
        change = [{"op": "replace", "path": "/name", "value": f"bench-{number}"}]
        _expect(worker, "PATCH", f"/v2/images/{identifiers[number % 16]}", 200, change, _PATCH_TYPE)

    return work


def _uploads(size: int) -> Callable[[Client], Work]:
    return lambda _client: lambda worker, _number: _delete(worker, _upload(worker, size))


def _downloads(size: int) -> Callable[[Client], Work]:
    # One image for all rounds of a service: they are on a RAM disk.
    identifiers: dict[str, str] = {}

    def prepare(client: Client) -> Work:
        if client.base not in identifiers:
            identifiers[client.base] = _upload(client, size)
        identifier = identifiers[client.base]
        return lambda worker, _number: _download(worker, identifier, size)

    return prepare


def _transfers(size: int) -> Beside:
    """Four uploads and four downloads that begin again and again."""

    @contextlib.contextmanager
    def beside(client: Client) -> Iterator[None]:
        identifier = _upload(client, size)
        loads = [lambda worker: _delete(worker, _upload(worker, size))] * _BESIDE
        loads += [lambda worker: _download(worker, identifier, size)] * _BESIDE
        context = multiprocessing.get_context("fork")
        processes = [context.Process(target=_for_ever, args=(client.another(), load), daemon=True) for load in loads]
        for process in processes:
            process.start()
        try:
            yield
        finally:
            for process in processes:
                process.terminate()
                process.join()
            _delete(client, identifier)

    return beside


def _for_ever(client: Client, work: Callable[[Client], None]) -> None:
    # The session's own way to end is not for its children.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    while True:
        work(client)


def all_cases(size: int, scale: float) -> list[Case]:
    """Every case; ``size`` bytes per transfer, ``scale`` times the usual number of units."""

    def units(count: int) -> int:
        return max(1, int(count * scale))

    return [
        Case("show, 1 client", _show, 1, units(300)),
        Case("show, 16 clients", _show, 16, units(1600)),
        *_listings(units),
        Case("create+delete, 1 client", _create_delete, 1, units(60)),
        Case("create+delete, 16 clients", _create_delete, 16, units(160)),
        Case("PATCH, 1 client", _patch, 1, units(100)),
        Case("PATCH, 16 clients", _patch, 16, units(320)),
        Case("upload", _uploads(size), 1, units(1), size),
        Case("download", _downloads(size), 1, units(2), size),
        Case("show beside 8 transfers", _show, 1, units(200), beside=_transfers(size // 4)),
    ]


def _listings(units: Callable[[int], int]) -> list[Case]:
    """Each kind of list there is; with as many images found in a catalogue of any size."""
    last = catalogue.id_of(20)
    kinds = {
        "list of 20": _list("limit=20", 20),
        "list of 20 by tag": _list("limit=20&tag=bench-3", 20),
        "list by property": _list("limit=20&bench_1=value%2011", 1),
        "list by name": _list("limit=20&name=fill-1500", 1),
        "list of 20 shared ones of an owner": _list_of_owner("limit=20&visibility=shared", 20),
        "list of the last 20": _list(f"limit=20&marker={last}", 20),
        "list of 20 changed since": _list("limit=20&updated_at=gte:2026-01-01T00:16:40Z", 20),
        "list of 20 in order of names": _list("limit=20&sort=name:asc", 20),
    }
    kinds["list of 20 tasks"] = lambda _client: _tasks
    cases = [Case(name, prepare, 4, units(200), grows=True) for name, prepare in kinds.items()]
    return [*cases, Case("list of 1000", _list("limit=1000", 1000), 1, units(4), grows=True)]


def numbers(total: int, clients: int) -> list[list[int]]:
    """Which unit numbers each of ``clients`` does."""
    shares: list[list[int]] = [[] for _ in range(clients)]
    for number, share in zip(range(total), itertools.cycle(shares), strict=False):
        share.append(number)
    return shares
