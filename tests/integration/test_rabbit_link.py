"""The link to the broker is cut after a request was published and before the broker's confirmation came back."""

import pytest

from tests.contract.conftest import until
from tests.fixtures import rabbit_wire
from tests.fixtures.rpc import make_context
from tests.integration import test_seam_rabbit as seam

pytest_plugins = ["tests.fixtures.rabbit_seam"]


@pytest.fixture
def link(broker):
    made = rabbit_wire.Link(broker.port)
    yield made
    made.close()


def cut_between_publish_and_confirmation(registries, link, times):
    """The driver publishes again, the other registry gets it, and the operation's id makes one effect of it."""
    registries.start(), registries.start()
    registries.meet(f"127.0.0.1:{link.port}")
    caller = registries.caller(metadata_deadline=60)
    assert caller.mutate(make_context(), "apply", "1.0", value="first")
    cuts = twice = number = 0
    while cuts < times:
        link.intercept(b"apply_counted")
        call = seam.Background(caller.mutate, "apply_counted", "1.0", value=number)
        until(lambda number=number: list(registries.state.glob(f"ran.{number}.*")))
        # On a slow machine it has sometimes been published over a new connection, which is whole.
        cuts += link.swallowed.wait(10)
        link.cut()
        assert call.result() == {"value": number}
        twice += len(list(registries.state.glob(f"ran.{number}.*"))) > 1
        number += 1
    assert sorted(map(str, registries.effects)) == sorted(["first", *map(str, range(number))])
    assert twice, "nothing was delivered twice: this tests nothing"


def test_a_link_cut_between_publish_and_confirmation_doubles_nothing(registries, link):
    cut_between_publish_and_confirmation(registries, link, 8)
