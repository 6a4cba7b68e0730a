"""The load: clients in groups that share images, each doing what comes to its mind."""

import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Self

from tests.fixtures.images import noise
from tests.history.client import LoggingClient
from tests.history.log import History, Operation

CLIENTS = 32
#: Clients that work on the same images.
_GROUP = 4
#: Images of a group at a time, and deleted ones it still remembers.
_SHELF, _GRAVEYARD = 6, 3
#: Mean seconds a client thinks between two requests, and how long it waits when it was told to come again, or nobody was there.
_THINK, _BACK_OFF = 0.15, 1.0
#: Seconds within which every request must be answered, whatever dies: the deadlines of the seam, and what a busy machine needs.
PATIENCE = 60.0

_WEIGHTS = {"patch": 36, "tag": 8, "show": 16, "download": 16, "upload": 16, "delete": 6, "create": 8, "haunt": 6}


class Shelf:
    """The images of one group, as its clients believe them to be."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._images: list[str] = []
        self._deleted: list[str] = []
        #: Images whose data was acknowledged or found to be there: no use to upload to them again.
        self.filled: set[str] = set()
        #: Images with an upload that failed: somebody wants them, and rarely gives up.
        self.wanted: set[str] = set()

    def add(self, image: str) -> None:
        with self._lock:
            self._images.append(image)

    def bury(self, image: str) -> None:
        with self._lock:
            if image in self._images:
                self._images.remove(image)
                self._deleted = [*self._deleted, image][-_GRAVEYARD:]

    @property
    def is_full(self) -> bool:
        return len(self._images) >= _SHELF

    def choose(self, dice: random.Random, *, deleted: bool = False) -> str | None:
        with self._lock:
            images = self._deleted if deleted else self._images
            return dice.choice(images) if images else None


class Client:
    """One client; works in a thread of its own until ``stop`` is set and its request is answered."""

    def __init__(self, name: str, seed: str, url: str, history: History, shelf: Shelf, stop: threading.Event) -> None:
        self.name = name
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.error: BaseException | None = None
        self._dice = random.Random(f"{seed}/{name}")
        self._do = LoggingClient(name, url, history, timeout=PATIENCE + 5)
        self._shelf = shelf
        self._stop = stop
        self._count = 0

    def _run(self) -> None:
        try:
            pause = 0.0
            while not self._stop.wait(pause + self._dice.expovariate(1 / _THINK)):
                done = self._one_thing()
                pause = _BACK_OFF if done is not None and done.status in {0, 503} else 0.0
        except BaseException as error:
            self.error = error
            raise

    def _one_thing(self) -> Operation | None:
        """What was done last, if anything."""
        [kind] = self._dice.choices([*_WEIGHTS], [*_WEIGHTS.values()])
        image = self._shelf.choose(self._dice, deleted=kind == "haunt")
        if image is None or (kind == "create" and not self._shelf.is_full):
            return self._create()
        if kind == "create":
            return None
        do: Callable[[str], Operation | None] = getattr(self, f"_{kind}")
        return do(image)

    def _create(self) -> Operation:
        image = str(uuid.UUID(int=self._dice.getrandbits(128), version=4))
        properties = {"made_by": self.name}
        operation = self._do.create(image, [f"made-by-{self.name}"], properties)
        if (
            operation.outcome == "unknown"
        ):  # as users do: ask again, and be told that it exists already, or create it now
            operation = self._do.create(image, [f"made-again-by-{self.name}"], properties)
        if operation.outcome != "refused" or operation.status == 409:
            self._shelf.add(image)
        return operation

    def _patch(self, image: str) -> Operation:
        self._count += 1
        return self._do.patch(image, {f"a_{self.name}": str(self._count), f"b_{self.name}": str(self._count)})

    def _tag(self, image: str) -> Operation:
        self._count += 1
        return self._do.tag(image, [f"{self.name}-{self._count}", self.name])

    def _show(self, image: str) -> Operation:
        return self._do.show(image)

    def _download(self, image: str) -> Operation:
        return self._do.download(image)

    def _upload(self, image: str) -> Operation | None:
        if image in self._shelf.filled and self._dice.random() < 0.9:
            return None
        data = noise(self._dice.choice([1, 1_000, 50_000, 300_000, 2_000_000]), self._dice.getrandbits(32))
        body = data if self._dice.random() < 0.5 else self._slowly(data)
        operation = self._do.upload(image, data, body)
        if operation.acknowledged or "from active" in operation.seen.get("message", ""):
            self._shelf.filled.add(image)
            self._shelf.wanted.discard(image)
        elif operation.status in {0, 409, 503}:
            self._shelf.wanted.add(image)
        return operation

    def _slowly(self, data: bytes) -> Iterator[bytes]:
        """The data in pieces, so that faults find uploads under way."""
        pieces = self._dice.randrange(1, 6)
        length = -(-len(data) // pieces)
        for start in range(0, len(data), length):
            yield data[start : start + length]
            time.sleep(self._dice.random() * 1.2)

    def _delete(self, image: str) -> Operation | None:
        if image in self._shelf.wanted and self._dice.random() < 0.9:
            return None
        operation = self._do.delete(image)
        if operation.outcome == "unknown":
            operation = self._do.delete(image)
        if operation.acknowledged or operation.status == 404:
            self._shelf.bury(image)
        return operation

    def _haunt(self, image: str) -> Operation | None:
        """Do something to an image that was deleted."""
        return self._dice.choice([self._patch, self._show, self._download, self._upload])(image)


class Load:
    """All clients; a context manager that starts and ends them.

    :param urls: of the APIs; each client keeps to one.
    """

    def __init__(self, urls: Sequence[str], seed: str, history: History, clients: int = CLIENTS) -> None:
        self._stop = threading.Event()
        shelves = [Shelf() for _ in range(-(-clients // _GROUP))]
        self._clients = [
            Client(f"c{number:02}", seed, urls[number % len(urls)], history, shelves[number // _GROUP], self._stop)
            for number in range(clients)
        ]

    def __enter__(self) -> Self:
        for client in self._clients:
            client.thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stop.set()
        for client in self._clients:
            client.thread.join(2 * PATIENCE)
            assert not client.thread.is_alive(), f"{client.name} still waits for an answer"
            assert client.error is None, f"{client.name}: {client.error!r}"
