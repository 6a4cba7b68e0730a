import pytest

from imagesvc import exception
from imagesvc.rpc import keys, transport
from tests.fixtures.rpc import make_conf


@pytest.fixture
def opened(tmp_path):
    """Opens both ends with a configuration; neither connects yet."""
    keys.create(tmp_path / "keys")

    def open_both(url="rabbit://u:canary@localhost:1/v", default="", rabbit="", key_file=None):
        (tmp_path / "bus.conf").write_text(
            f"[DEFAULT]\ntransport_url = {url}\n{default}\n"
            f"[rpc]\nsigning_key_file = {key_file or tmp_path / 'keys'}\n[oslo_messaging_rabbit]\n{rabbit}\n"
        )
        conf = make_conf(tmp_path)
        transport.get_server(conf, [], "s")
        caller = transport.get_caller(conf)
        caller.close()
        return caller

    return open_both


def test_a_good_configuration_opens_without_a_broker(opened):
    assert opened()


@pytest.mark.parametrize("exchange", ["amq.topic", "a b", "é", "x" * 128, "a/b"])
def test_an_odd_exchange_is_refused(opened, exchange):
    with pytest.raises(exception.ConfigurationError, match="control_exchange"):
        opened(default=f"control_exchange = {exchange}")


def test_no_key_is_refused_and_names_the_command(opened, tmp_path):
    with pytest.raises(exception.ConfigurationError, match="glance-manage rpc_key create") as refusal:
        opened(key_file=tmp_path / "missing")
    assert "canary" not in refusal.value.msg


@pytest.mark.parametrize("ca", ["", "ssl_ca_file = /nonexistent", "ssl_ca_file = /dev/null"])
def test_tls_that_would_believe_anybody_is_refused(opened, ca):
    with pytest.raises(exception.ConfigurationError, match="ssl_ca_file"):
        opened(rabbit=f"ssl = true\n{ca}")


@pytest.mark.parametrize(
    ("host", "warned"),
    [("localhost", False), ("127.0.0.1", False), ("[::1]", False), ("10.0.0.1", True), ("b.example", True)],
)
def test_messages_in_clear_to_another_host_are_warned_of(opened, caplog, host, warned):
    opened(url=f"rabbit://u:canary@{host}:1/v")
    assert ("not encrypted" in caplog.text) is warned
    assert "canary" not in caplog.text


def test_its_defaults_are_ours_unless_the_file_says_otherwise(opened):
    options = opened()._bus._driver._driver.conf.oslo_messaging_rabbit
    assert (options.heartbeat_timeout_threshold, options.rabbit_qos_prefetch_count) == (20, 4)
    options = opened(rabbit="heartbeat_timeout_threshold = 33")._bus._driver._driver.conf.oslo_messaging_rabbit
    assert options.heartbeat_timeout_threshold == 33


def test_it_carries_calls_only(opened):
    driver = opened()._bus._driver
    for refused in (driver.send_notification, driver.listen_for_notifications):
        with pytest.raises(NotImplementedError):
            refused(None, {}, {}, None)
