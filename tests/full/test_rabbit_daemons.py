"""R15, R18, R19, R20 over RabbitMQ: both whole daemons under load while the broker or the registry is struck.

Whatever happens, clients are told 503 with Retry-After or the truth, everybody gets on again without a restart of either
daemon, and nothing acknowledged is lost, undone or done twice.
"""

import time

import psutil
import pytest

from tests.fixtures import bus, load, rabbit
from tests.fixtures.daemons import deployed, wait_for

#: How often a registry is killed, and how often the broker.
KILLS, RESTARTS = 100, 20
FREEZE_SECONDS = 60
_HOUR = 3600
#: Seconds in which everybody gets on again on a busy machine; on a quiet one it takes 5.
_RECOVERY = 90


@pytest.fixture(scope="module")
def at_rabbitmq():
    with rabbit.running() as broker, bus.on(broker.new_options):
        yield broker


@pytest.fixture
def broker(at_rabbitmq):
    yield at_rabbitmq
    at_rabbitmq.heal()


@pytest.fixture
def site(broker, tmp_path):
    """Patience as the product has it by default, and leases that outlast it: an upload is told 503 before it would be too late."""
    with deployed(tmp_path, {"registry": {"workers": 2, "upload_lease": 40}}) as deployment:
        yield deployment


def _figures(site):
    """Threads and descriptors of all processes of the daemons."""
    processes = [process for name in ("glance-api", "glance-registry") for process in site.processes_of(name)]
    return sum(map(psutil.Process.num_threads, processes)), sum(map(psutil.Process.num_fds, processes))


@pytest.fixture
def tell(capsys):
    """Prints what a release's notes shall say."""

    def tell(what, *figures):
        with capsys.disabled():
            print(f"\n{what}:", *figures)  # noqa: T201 -- see above

    return tell


def _check(clients, site):
    assert [line for client in clients.clients for line in client.bad] == []
    clients.check()
    clients.check_data()


@pytest.mark.timeout(_HOUR)
def test_r15_registries_are_killed_again_and_again(site, tell):
    with load.running(site, with_data=True) as clients:
        back = []
        for _ in range(KILLS):
            clients.wait_for_progress()
            site.kill("glance-registry")
            site.start_registry()
            back.append(clients.wait_for_progress(1, seconds=_RECOVERY))
    tell(f"R15, {KILLS} kills of glance-registry", clients, f"back at most {max(back):.1f} s after it is healthy")
    _check(clients, site)


@pytest.mark.timeout(_HOUR)
def test_r18_the_broker_is_killed_and_restarted_again_and_again(broker, site, tell):
    with load.running(site, with_data=True) as clients:
        figures, back = [], []
        for _ in range(RESTARTS):
            broker.kill()
            clients.wait_for_refusal()
            broker.start()
            back.append(clients.wait_for_progress(seconds=_RECOVERY))
            figures.append(_figures(site))
    tell(f"R18, {RESTARTS} kills of the broker", clients, f"back at most {max(back):.1f} s after it listens", figures)
    # Connections and their threads are made as they are needed, up to the size of the pools, which are half full by then; what
    # leaks with each restart in each process goes on growing.
    for less, more in zip(figures[RESTARTS // 2], figures[-1], strict=True):
        assert more <= less + 2 * RESTARTS, figures
    _check(clients, site)


@pytest.mark.timeout(_HOUR)
def test_r19_the_broker_is_frozen_for_a_minute(broker, site):
    with load.running(site, with_data=True) as clients:
        clients.wait_for_progress()
        broker.freeze()
        end = time.monotonic() + FREEZE_SECONDS
        clients.wait_for_refusal()
        refused = clients.refused()
        # While it lasts, everybody is told so, again and again.
        wait_for("refusals", lambda: clients.refused() > refused + 3 * len(clients.clients))
        wait_for("end of the freeze", lambda: time.monotonic() > end, 2 * FREEZE_SECONDS)
        broker.thaw()
        clients.wait_for_progress(seconds=_RECOVERY)
    _check(clients, site)


@pytest.mark.timeout(_HOUR)
@pytest.mark.parametrize("want", ["memory", "disk"])
def test_r20_the_broker_is_short_of(broker, site, want):
    with load.running(site, with_data=True) as clients:
        clients.wait_for_progress()
        broker.alarm(on=True, kind=want)
        clients.wait_for_refusal()
        refused = clients.refused()
        wait_for("refusals", lambda: clients.refused() > refused + 3 * len(clients.clients))
        broker.alarm(on=False, kind=want)
        clients.wait_for_progress(seconds=_RECOVERY)
    _check(clients, site)
