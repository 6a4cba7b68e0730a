import oslo_messaging as messaging
import pytest
from stevedore import driver

from imagesvc import exception
from imagesvc.rpc import local, transport
from imagesvc.rpc.failures import REMOTE_MODULES
from tests.fixtures.rpc import make_conf

_TARGET = messaging.Target(topic="t")


def _driver(conf, url="local:///some/where"):
    transport.declare_options(conf)
    return local.LocalDriver(conf, messaging.TransportURL.parse(conf, url), allowed_remote_exmods=REMOTE_MODULES)


class _Pool:
    """Answers with what the test wants."""

    def __init__(self, **answer):
        self.answer = answer
        self.frame = None

    def call(self, topic, frame, end):
        self.topic, self.frame, self.end = topic, frame, end
        return {"msg_id": frame[4:].decode().split('"')[3], **self.answer}


@pytest.fixture
def conf(tmp_path):
    return make_conf(tmp_path)


def test_oslo_messaging_finds_the_driver(conf, tmp_path):
    manager = driver.DriverManager("oslo.messaging.drivers", "local")
    assert manager.driver is local.LocalDriver


@pytest.mark.parametrize(
    ("url", "path"),
    [("local:///var/lib/rpc", "/var/lib/rpc"), ("local:///a%20b/", "/a b"), ("local:////a/b?x=1", "/a/b")],
)
def test_the_url_names_a_directory(conf, url, path):
    assert str(_driver(conf, url)._path) == path


@pytest.mark.parametrize("url", ["local://", "local:///", "local://host/path", "local://relative", "local:relative"])
def test_other_urls_are_refused(conf, url):
    with pytest.raises(messaging.InvalidTransportURL, match="absolute path"):
        _driver(conf, url)


def test_a_reply_is_returned(conf):
    made = _driver(conf)
    made._pool = _Pool(reply={"a": 1})
    assert made.send(_TARGET, {}, {"method": "m"}, wait_for_reply=True, timeout=1) == {"a": 1}
    assert made._pool.topic == "t"


def test_an_error_is_raised(conf):
    made = _driver(conf)
    made._pool = _Pool(
        failure='{"class": "Conflict", "module": "imagesvc.exception", "args": ["no"], "kwargs": {"a": 1}}'
    )
    with pytest.raises(exception.Conflict) as caught:
        made.send(_TARGET, {}, {}, wait_for_reply=True)
    assert (caught.value.msg, caught.value.kwargs) == ("no", {"a": 1})


def test_the_answer_to_another_call_is_none(conf):
    made = _driver(conf)
    made._pool = _Pool(msg_id="other", reply=1)
    with pytest.raises(messaging.MessageDeliveryFailure):
        made.send(_TARGET, {}, {}, wait_for_reply=True)


def test_requests_are_limited(tmp_path):
    made = _driver(make_conf(tmp_path, max_request_size=65_536))
    made._pool = _Pool(reply=1)
    assert made.send(_TARGET, {}, {"pad": "x" * 65_000}, wait_for_reply=True) == 1
    made._pool = _Pool(reply=1)
    with pytest.raises(exception.RequestTooLarge):
        made.send(_TARGET, {}, {"pad": "x" * 65_536}, wait_for_reply=True)
    assert made._pool.frame is None


@pytest.mark.parametrize(
    "call",
    [
        lambda made: made.send(_TARGET, {}, {}),
        lambda made: made.send(messaging.Target(topic="t", fanout=True), {}, {}, wait_for_reply=True),
        lambda made: made.send(messaging.Target(topic="t", server="s"), {}, {}, wait_for_reply=True),
        lambda made: made.send_notification(_TARGET, {}, {}, 2.0),
        lambda made: made.listen_for_notifications([(_TARGET, "info")], None, 1, None),
    ],
)
def test_there_are_calls_only(conf, call):
    with pytest.raises(NotImplementedError, match="calls only"):
        call(_driver(conf))


def test_messages_cannot_be_returned_to_a_queue(conf):
    _driver(conf).require_features()
    with pytest.raises(NotImplementedError):
        _driver(conf).require_features(requeue=True)
