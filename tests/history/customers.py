"""Users who do one thing after the other and ask again when they are told to: they must not notice what operators do."""

import contextlib
import itertools
import random
import threading
import uuid

from tests.fixtures.daemons import wait_for
from tests.fixtures.images import noise
from tests.history.client import LoggingClient

CUSTOMERS = 12
#: Seconds before each repetition: what clients of OpenStack do by default.
PAUSES = (0.5, 1, 2)
#: Seconds within which every customer gets on by an image, whatever is restarted, on a busy machine.
_PATIENCE = 240


class Customer:
    """Makes images, changes, uploads, reads and deletes them, one after the other; every third keeps no connection.

    :ivar failures: what it could not do although it asked as often as it does.
    :ivar done: number of images it went through with.
    """

    def __init__(self, number, urls, history, stop):
        self._dice = random.Random(number)
        self._name = f"c{number:02}"
        keep_alive = number % 3 > 0
        clients = [LoggingClient(self._name, url, history, timeout=60, keep_alive=keep_alive) for url in urls]
        self._turn = itertools.cycle(clients if number % 2 else reversed(clients))
        self._stop = stop
        self.failures = []
        self.done = 0
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while not self._stop.is_set():
            self._one_image()
            self.done += 1

    def _one_image(self):
        image = str(uuid.UUID(int=self._dice.getrandbits(128), version=4))
        data = noise(self._dice.choice([1_000, 100_000, 1_000_000]), self._dice.getrandbits(32))
        self._insist("create", image, [], {"step": "0"})
        self._insist("patch", image, {"step": "1"})
        self._insist("upload", image, data, lambda: self._slowly(data))
        self._insist("show", image)
        self._insist("download", image)
        self._insist("tag", image, ["tagged"])
        if self._dice.random() < 0.8:
            self._insist("delete", image)

    def _slowly(self, data):
        for start in range(0, len(data), 200_000):
            yield data[start : start + 200_000]
            self._stop.wait(0.2)

    def _insist(self, kind, image, *arguments):
        """Ask until it is acknowledged; a connection that breaks under a request is a failure at once."""
        asked = []
        for pause in (*PAUSES, None):
            given = [argument() if callable(argument) else argument for argument in arguments]
            asked.append(getattr(next(self._turn), kind)(image, *given))
            if asked[-1].acknowledged or self._was_done_before(asked):
                return
            if pause is None or not _may_ask_again(asked[-1]):
                break
            self._stop.wait(pause)
        self.failures.append("\n    ".join(map(str, asked)))

    @staticmethod
    def _was_done_before(asked):
        """Whether the last refusal says that an earlier request, whose outcome nobody knew, was successful."""
        last = asked[-1]
        if all(operation.outcome != "unknown" for operation in asked[:-1]):
            return False
        if last.kind == "upload":
            return last.status == 409 and "from active" in last.seen["message"]
        return (last.kind, last.status) in {("create", 409), ("delete", 404)}


def _may_ask_again(operation):
    return operation.status == 503 or (operation.status == 0 and operation.outcome == "refused")


@contextlib.contextmanager
def customers(deployments, history):
    """They work inside the block, and none may have failed at its end; a function that waits until all have got on."""
    stop = threading.Event()
    urls = [deployment.url for deployment in deployments]
    everybody = [Customer(number, urls, history, stop) for number in range(CUSTOMERS)]

    def get_on():
        before = [customer.done for customer in everybody]
        wait_for(
            "every customer's next image",
            lambda: all(customer.done > done for customer, done in zip(everybody, before, strict=True)),
            _PATIENCE,
        )

    for customer in everybody:
        customer.thread.start()
    try:
        get_on()
        yield get_on
        get_on()
    finally:
        stop.set()
        for customer in everybody:
            customer.thread.join(120)
    failures = [failure for customer in everybody for failure in customer.failures]
    assert not failures, "\n".join([f"{len(failures)} failures", *failures[:20]])
