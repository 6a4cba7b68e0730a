"""Two hosts of a service, with a broker and a database server between them."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tests.fixtures import rabbit, rabbit_wire, servers
from tests.history import trial
from tests.history.servers import faults_of_broker, faults_of_database


@contextlib.contextmanager
def two(directory: Path, database: str, pace: trial.Options = trial.IMPATIENT) -> Iterator[trial.Site]:
    """Both daemons on each host, reaching the broker through a link that can be cut.

    :param database: a key of :data:`tests.fixtures.servers.KINDS`.
    """
    with rabbit.running(vhosts=1) as broker, servers.started(servers.KINDS[database]) as server:
        link = rabbit_wire.Link(broker.port)
        try:
            transport_url = broker.url(broker.vhost(), port=link.port)
            faults = faults_of_broker(broker, link) | faults_of_database(server)
            with trial.site(directory, 2, transport_url, server.url(server.create()), faults, pace) as site:
                yield site
        finally:
            link.close()
