"""R27: two glance-apis and two glance-registries, restarted one after the other, and upgraded, while users work.

Users reach both APIs, as through a load balancer, and ask again when they are told 503 or nobody is there: three times.
"""

import contextlib
import itertools
import random
import threading
import uuid

import pytest

from tests.fixtures import releases
from tests.fixtures.daemons import wait_for
from tests.fixtures.images import ImageClient, noise
from tests.history import checker, trial
from tests.history.client import LoggingClient
from tests.history.log import FINAL, History

CUSTOMERS = 12
RETRIES = 3
#: Seconds before each of them: what clients of OpenStack do by default.
PAUSES = (0.5, 1, 2)

API, REGISTRY = "glance-api", "glance-registry"
REGISTRIES_FIRST, APIS_FIRST = (REGISTRY, API), (API, REGISTRY)


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
        uncertain = any(operation.outcome == "unknown" for operation in asked[:-1])
        return uncertain and (asked[-1].kind, asked[-1].status) in {("create", 409), ("upload", 409), ("delete", 404)}


def _may_ask_again(operation):
    return operation.status == 503 or (operation.status == 0 and operation.outcome == "refused")


@contextlib.contextmanager
def customers(pair, history):
    """They work inside the block, and none may have failed at its end; a function that waits until all have got on."""
    stop = threading.Event()
    urls = [deployment.url for deployment in pair]
    everybody = [Customer(number, urls, history, stop) for number in range(CUSTOMERS)]

    def get_on():
        before = [customer.done for customer in everybody]
        wait_for(
            "every customer's next image",
            lambda: all(customer.done > done for customer, done in zip(everybody, before, strict=True)),
            90,
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


@pytest.fixture
def pair(tmp_path):
    with trial.site(tmp_path, hosts=2) as site:
        yield site.deployments


@pytest.fixture
def history():
    return History()


def _restart(deployment, daemon, environment=None, pin=None):
    """Stop it as an operator does and start it again, of another release if ``environment`` says so."""
    assert deployment.terminate(daemon) == 0
    deployment.environment = environment or {}
    deployment.options.pop("upgrade_levels", None)
    if pin is not None:
        deployment.options["upgrade_levels"] = {"registry": pin}
    deployment.configure()
    if daemon == API:
        deployment.start_api()
    else:
        deployment.start_registry()


def _assert_nothing_wrong(pair, history):
    remains = trial.read_everything(pair[0], history)
    anomalies = checker.check(history, remains, trial.BOUNDS)
    assert not anomalies, "\n".join(map(str, anomalies[:20]))
    assert sum(operation.client != FINAL for operation in history) > 20 * CUSTOMERS


@pytest.mark.parametrize("order", [REGISTRIES_FIRST, APIS_FIRST], ids=["registries-first", "apis-first"])
def test_r27_users_do_not_notice_a_rolling_restart(pair, history, order):
    with customers(pair, history) as get_on:
        for daemon, deployment in itertools.product(order, pair):
            _restart(deployment, daemon)
            get_on()
    _assert_nothing_wrong(pair, history)


def test_r27_users_do_not_notice_an_upgrade_of_the_registries_and_then_the_apis(pair, history, tmp_path):
    newer = releases.next_release(tmp_path / "next")
    with customers(pair, history) as get_on:
        for deployment in pair:
            _restart(deployment, REGISTRY, newer)
            get_on()
        assert not any(releases.NEWS in deployment.log(REGISTRY) for deployment in pair)
        for deployment in pair:
            _restart(deployment, API, newer)
            get_on()
        assert all(releases.NEWS in deployment.log(REGISTRY) for deployment in pair)
    _assert_nothing_wrong(pair, history)


def test_r27_users_do_not_notice_an_upgrade_of_the_apis_and_then_the_registries(pair, history, tmp_path):
    newer = releases.next_release(tmp_path / "next")
    with customers(pair, history) as get_on:
        for deployment in pair:
            _restart(deployment, API, newer, pin=releases.THIS)
            get_on()
        for deployment in pair:
            _restart(deployment, REGISTRY, newer, pin=releases.THIS)
            get_on()
        assert not any(releases.NEWS in deployment.log(REGISTRY) for deployment in pair)
        for deployment in pair:
            _restart(deployment, API, newer)
            get_on()
        assert all(releases.NEWS in deployment.log(REGISTRY) for deployment in pair)
    _assert_nothing_wrong(pair, history)


def test_without_the_pin_a_newer_api_says_that_the_registry_is_too_old(pair, tmp_path):
    image = ImageClient(pair[0].url).created()
    _restart(pair[0], API, releases.next_release(tmp_path / "next"))
    answer = ImageClient(pair[0].url).show(image)
    assert answer.status_code == 503, answer.text
    assert releases.THIS in answer.text
