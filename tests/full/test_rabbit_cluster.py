"""Three RabbitMQ nodes with quorum queues: the node that leads the queue dies under load, and comes back."""

import pytest

from tests.fixtures import load, rabbit
from tests.fixtures.daemons import deployed, wait_for

_TURNS = 3
_QUEUE = "glance-registry"


@pytest.fixture(scope="module")
def nodes():
    with rabbit.cluster() as started:
        yield started


@pytest.fixture
def site(nodes, tmp_path):
    vhost = nodes[0].vhost()
    brokers = ",".join(f"all:canary-all@127.0.0.1:{node.port}" for node in nodes)
    options = nodes[0].new_options()
    options["DEFAULT"]["transport_url"] = f"rabbit://{brokers}/{vhost}"
    options["oslo_messaging_rabbit"] = {"rabbit_quorum_queue": True, "rabbit_transient_quorum_queue": True}
    options["registry"] = {"workers": 2}
    with deployed(tmp_path, options) as deployment:
        deployment.vhost = vhost
        yield deployment


def _leader(nodes, vhost):
    """The node that leads the registry's queue."""
    lines = nodes[0].control("list_queues", "-p", vhost, "name", "leader").splitlines()
    names = dict(line.split("\t") for line in lines if "\t" in line)
    return next(node for node in nodes if node.node == names[_QUEUE])


@pytest.mark.timeout(3600)
def test_the_leader_of_the_queue_dies_and_only_503_is_seen(nodes, site):
    with load.running(site, with_data=True) as clients:
        clients.wait_for_progress()
        for _ in range(_TURNS):
            leader = _leader(nodes, site.vhost)
            leader.kill()
            clients.wait_for_progress(seconds=120)
            leader.start()
            wait_for("whole cluster", lambda: _is_whole(nodes, site.vhost), 120)
            clients.wait_for_progress(seconds=120)
    assert [line for client in clients.clients for line in client.bad] == []
    clients.check()
    clients.check_data()


def _is_whole(nodes, vhost):
    """Whether each node has the queue again, so that another may go."""
    lines = nodes[0].control("list_queues", "-p", vhost, "name", "online").splitlines()
    online = dict(line.split("\t") for line in lines if "\t" in line)
    return all(node.node in online[_QUEUE] for node in nodes)
