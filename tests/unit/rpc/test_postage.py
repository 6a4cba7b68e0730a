import contextlib
import types

import pytest

from imagesvc.rpc import postage


class _Connection:
    """Stands in for the driver's."""

    rabbit_transient_quorum_queue = False
    direct_mandatory_flag = True

    def __init__(self):
        self.published = []

    def _publish_and_raises_on_missing_exchange(self):
        raise AssertionError("nobody calls it here")

    def _ensure_publishing(self, _method, exchange, message, **how):
        self.published.append((exchange.name, message, how))


class _Message(dict):
    def acknowledge(self):
        pass


@pytest.fixture
def connection():
    return _Connection()


@pytest.fixture
def incoming(connection):
    """A call, as the listener makes it of a message."""

    @contextlib.contextmanager
    def connected(_purpose, retry):
        assert retry == 1  # else a connection is waited for without end
        yield connection

    driver = types.SimpleNamespace(prefetch_size=1, missing_destination_retry_timeout=0, _get_connection=connected)
    listener = postage.make_listener(driver, connection, 2.5)
    listener(_Message({"method": "m", "_unique_id": "1", "_msg_id": "2", "_reply_q": "reply_1"}))
    [made] = listener.incoming
    return made


def test_answers_and_signs_of_life_are_published_within_bounds(incoming, connection):
    incoming.heartbeat()
    incoming.reply(7)
    for (exchange, message, how), result in zip(connection.published, ("null", "7"), strict=True):
        assert (exchange, how["routing_key"], how["timeout"], how["retry"]) == ("", "reply_1", 2.5, 1)
        assert how["transport_options"].at_least_once
        assert f'"result": {result}' in message["oslo.message"]
