import threading

import pytest

from imagesvc import exception
from imagesvc.rpc import dispatcher, transport
from tests.fixtures.rpc import make_conf, make_context


class _Endpoint:
    def __init__(self):
        self.go_on = threading.Event()
        self.go_on.set()
        self.busy = threading.Event()

    @dispatcher.expose
    def show(self, context, value):
        self.busy.set()
        assert self.go_on.wait(10)
        return [value, context.user_id]


@pytest.fixture
def conf(tmp_path):
    return make_conf(tmp_path / "a state")


def test_the_bus_is_below_the_state_path_by_default(conf, tmp_path):
    assert transport.transport_url(conf) == f"local://{tmp_path}/a%20state/rpc"


def test_a_relative_state_path_is_below_the_current_directory(conf, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    conf.set_override("state_path", "./var")
    assert transport.transport_url(conf) == f"local://{tmp_path}/var/rpc"


def test_the_bus_is_what_transport_url_says(conf):
    transport.transport_url(conf)
    conf.set_override("transport_url", "local:///elsewhere")
    assert transport.transport_url(conf) == "local:///elsewhere"


@pytest.mark.parametrize("url", ["kafka://user:canary@host/", "fake://", "http://x", "nonsense"])
def test_other_buses_are_refused_without_telling_secrets(conf, url):
    transport.transport_url(conf)
    conf.set_override("transport_url", url)
    for opened in (transport.get_caller, lambda conf: transport.get_server(conf, [], "s")):
        with pytest.raises(exception.ConfigurationError, match="local://") as caught:
            opened(conf)
        assert "canary" not in caught.value.msg


def test_a_path_that_is_not_absolute_is_a_configuration_error(conf):
    transport.transport_url(conf)
    conf.set_override("transport_url", "local://rpc")
    with pytest.raises(exception.ConfigurationError, match="absolute path"):
        transport.get_caller(conf)


def test_caller_and_server_meet(conf):
    server = transport.get_server(conf, [_Endpoint()], "host-1")
    server.start()
    caller = transport.get_caller(conf)
    assert caller.read(make_context(user_id="u"), "show", "1.0", value="é") == ["é", "u"]
    caller.close()
    server.stop()
    server.wait()


def test_a_stopped_server_finishes_what_it_began(conf):
    endpoint = _Endpoint()
    endpoint.go_on.clear()
    server = transport.get_server(conf, [endpoint], "host-1")
    server.start()
    caller = transport.get_caller(conf)
    results = []
    thread = threading.Thread(target=lambda: results.append(caller.read(make_context(), "show", "1.0", value=1)))
    thread.start()
    assert endpoint.busy.wait(10)
    server.stop()
    endpoint.go_on.set()
    server.wait()
    thread.join()
    assert results == [[1, "user-1"]]
    with pytest.raises(exception.RegistryUnavailable):
        caller.read(make_context(), "show", "1.0", value=1)
    caller.close()


def test_a_directory_open_to_others_stops_the_start(conf, tmp_path):
    path = tmp_path / "a state" / "rpc"
    path.mkdir(parents=True)
    path.chmod(0o750)
    with pytest.raises(exception.ConfigurationError, match="chmod 700"):
        transport.get_server(conf, [_Endpoint()], "host-1").start()


def test_the_clock_is_the_registrys(conf):
    server = transport.get_server(conf, [_Endpoint()], "host-1", clock=lambda: 42)
    server.start()
    caller = transport.get_caller(conf)
    assert caller.read(make_context(), "show", "1.0", value=1)
    assert 42 <= caller._clock.now_ms() < 60_000
    caller.close()
    server.stop()
    server.wait()
