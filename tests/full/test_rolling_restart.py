"""R27: two glance-apis and two glance-registries, restarted one after the other, and upgraded, while users work.

Users reach both APIs, as through a load balancer, and ask again when they are told 503 or nobody is there: three times.
"""

import itertools
import os
from unittest import mock

import pytest

from tests.fixtures import releases
from tests.fixtures.images import ImageClient
from tests.history import checker, hosts, trial
from tests.history.customers import CUSTOMERS, customers
from tests.history.log import FINAL, History

API, REGISTRY = "glance-api", "glance-registry"
REGISTRIES_FIRST, APIS_FIRST = (REGISTRY, API), (API, REGISTRY)

pytestmark = pytest.mark.timeout(3600)


@pytest.fixture(params=["one directory", "rabbit and mariadb"])
def pair(request, tmp_path):
    """Two hosts, which meet in a directory of sockets and SQLite, or at servers."""
    home = tmp_path / "site"
    home.mkdir()
    patient = trial.PATIENT
    one_directory = request.param == "one directory"
    with trial.site(home, 2, pace=patient) if one_directory else hosts.two(home, "mariadb", patient) as site:
        yield site.deployments


@pytest.fixture
def history():
    return History()


@pytest.fixture
def newer(tmp_path):
    return releases.next_release(tmp_path / "next")


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


def _manage(deployment, environment, *arguments):
    """Run glance-manage of the release that ``environment`` says."""
    with mock.patch.dict(os.environ, environment):
        return deployment.manage(*arguments)


def _assert_nothing_wrong(pair, history):
    remains = trial.read_everything(pair[0], history)
    anomalies = checker.check(history, remains, trial.BOUNDS)
    assert not anomalies, "\n".join(map(str, anomalies[:20]))
    assert sum(operation.client != FINAL for operation in history) > 20 * CUSTOMERS


def _has_news(deployment):
    return releases.NEWS in deployment.log(REGISTRY)


@pytest.mark.parametrize("order", [REGISTRIES_FIRST, APIS_FIRST], ids=["registries-first", "apis-first"])
def test_r27_users_do_not_notice_a_rolling_restart(pair, history, order):
    with customers(pair, history) as get_on:
        for daemon, deployment in itertools.product(order, pair):
            _restart(deployment, daemon)
            get_on()
    _assert_nothing_wrong(pair, history)


def test_r27_users_do_not_notice_an_upgrade_of_the_registries_and_then_the_apis(pair, history, newer):
    with customers(pair, history) as get_on:
        _manage(pair[0], newer, "db", "expand")
        get_on()
        _restart(pair[0], REGISTRY)  # the old release starts on the expanded schema, too
        get_on()
        _manage(pair[0], newer, "db", "migrate")
        for deployment in pair:
            _restart(deployment, REGISTRY, newer)
            get_on()
        assert not any(map(_has_news, pair))
        for deployment in pair:
            _restart(deployment, API, newer)
            get_on()
        assert all(map(_has_news, pair))
        _manage(pair[0], newer, "db", "contract")
        get_on()
        _restart(pair[0], REGISTRY, newer)
        get_on()
        _manage(pair[0], newer, "db", "check")
    _assert_nothing_wrong(pair, history)


def test_r27_users_do_not_notice_an_upgrade_of_the_apis_and_then_the_registries(pair, history, newer):
    with customers(pair, history) as get_on:
        for deployment in pair:
            _restart(deployment, API, newer, pin=releases.THIS)
            get_on()
        _manage(pair[0], newer, "db", "expand")
        _manage(pair[0], newer, "db", "migrate")
        for deployment in pair:
            _restart(deployment, REGISTRY, newer, pin=releases.THIS)
            get_on()
        assert not any(map(_has_news, pair))
        _manage(pair[0], newer, "db", "contract")
        for deployment in pair:
            _restart(deployment, API, newer)
            get_on()
        assert all(map(_has_news, pair))
    _assert_nothing_wrong(pair, history)


def test_without_the_pin_a_newer_api_says_that_the_registry_is_too_old(pair, newer):
    image = ImageClient(pair[0].url).created()
    _restart(pair[0], API, newer)
    answer = ImageClient(pair[0].url).show(image)
    assert answer.status_code == 503, answer.text
    assert releases.THIS in answer.text
