"""What can happen to the broker and the database that the daemons need, and to the link between them.

Each fault is a function; it is given one that waits as long as the fault shall last.
"""

from collections.abc import Callable

from tests.fixtures.rabbit import Broker
from tests.fixtures.rabbit_wire import Link
from tests.fixtures.servers import Server

#: Waits for the dice's while.
Outage = Callable[[], None]
Fault = Callable[[Outage], None]


def faults_of_broker(broker: Broker, link: Link) -> dict[str, Fault]:
    """By name.

    :param link: through which all daemons reach the broker.
    """

    def killed(outage: Outage) -> None:
        broker.kill()
        outage()
        broker.start()

    def restarted(_outage: Outage) -> None:
        broker.control("stop_app")
        broker.control("start_app")

    def frozen(outage: Outage) -> None:
        broker.freeze()
        try:
            outage()
        finally:
            broker.thaw()

    def short_of_memory(outage: Outage) -> None:
        broker.alarm(True)
        try:
            outage()
        finally:
            broker.alarm(False)

    def mute(outage: Outage) -> None:
        """Requests arrive and answers do not; then all connections end."""
        link.deafen()
        outage()
        link.cut()

    def cut(_outage: Outage) -> None:
        link.cut()

    faults = {
        "killed": killed,
        "restarted": restarted,
        "frozen": frozen,
        "short of memory": short_of_memory,
        "mute": mute,
        "cut off": cut,
    }
    return {f"broker {name}": fault for name, fault in faults.items()}


def faults_of_database(server: Server) -> dict[str, Fault]:
    """By name."""

    def killed(outage: Outage) -> None:
        server.kill()
        outage()
        server.start()

    def restarted(_outage: Outage) -> None:
        server.stop()
        server.start()

    def frozen(outage: Outage) -> None:
        with server.frozen():
            outage()

    def cut(_outage: Outage) -> None:
        server.cut_connections()

    faults = {"killed": killed, "restarted": restarted, "frozen": frozen, "connections cut": cut}
    return {f"{server.name} {name}": fault for name, fault in faults.items()}
