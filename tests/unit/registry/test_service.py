import signal
import threading
from pathlib import Path

import pytest
from oslo_config import cfg

from imagesvc import conf as options
from imagesvc import exception
from imagesvc.registry import service
from imagesvc.rpc import rpcapi, transport
from tests.fixtures import database
from tests.fixtures.rpc import make_context


def _conf(directory: Path, **files: str) -> cfg.ConfigOpts:
    """A configuration read from these files in order."""
    arguments = []
    for name, text in files.items():
        path = directory / f"{name.replace('_', '-')}.conf"
        path.write_text(text)
        arguments.append(f"--config-file={path}")
    conf = cfg.ConfigOpts()
    options.register_opts(conf)
    conf(arguments, project="glance", default_config_dirs=[])
    return conf


@pytest.mark.parametrize(
    ("files", "port"),
    [
        ({"glance_api": "[DEFAULT]\nbind_port = 9393\n"}, 9191),
        ({"glance_api": "[registry]\nbind_port = 9393\n"}, 9393),
        ({"glance_registry": "[DEFAULT]\nbind_port = 9393\n"}, 9393),
        ({"glance_registry": "[DEFAULT]\nbind_port = 9393\n[registry]\nbind_port = 9494\n"}, 9494),
        ({"glance_api": "[DEFAULT]\nbind_port = 9292\n", "glance_registry": "[DEFAULT]\nbind_port = 9393\n"}, 9393),
        ({"glance_api": "[DEFAULT]\nbind_port = 9292\n", "glance_registry": "[DEFAULT]\ndebug = false\n"}, 9191),
    ],
)
def test_bind_port_may_stand_where_older_releases_had_it(tmp_path, files, port):
    assert service.setting(_conf(tmp_path, **files), "bind_port") == port


def test_options_that_nobody_set(tmp_path):
    conf = _conf(tmp_path, glance_registry="[DEFAULT]\ndebug = false\n")
    assert service.setting(conf, "bind_host") == "127.0.0.1"
    assert service.setting(conf, "workers") is None


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("user_storage_quota", "lots", "user_storage_quota"),
        ("use_keystone_limits", True, "oslo_limit"),
        ("transport_url", "carrier://pigeon", "transport_url"),
        ("connection", "nonsense", "connection"),
    ],
)
def test_a_configuration_that_cannot_work_stops_the_start(tmp_path, option, value, said):
    conf = database.make_conf(tmp_path)
    transport.transport_url(conf)
    conf.set_override(option, value, group="database" if option == "connection" else None)
    with pytest.raises(exception.ConfigurationError, match=said):
        service.Parts.make(conf)


def test_what_is_left_of_a_master_that_was_stopped_has_no_time_limit(tmp_path, monkeypatch):
    class Launcher:
        def __init__(self, *_arguments, **_options):
            pass

        def launch_service(self, *_arguments, **_options):
            pass

        def wait(self):
            signal.alarm(1000)  # as cotyledon does when it is told to stop
            return 0

    monkeypatch.setattr(service.service, "ServiceLauncher", Launcher)
    conf = _conf(tmp_path)
    conf.set_override("state_path", str(tmp_path))
    conf.set_override("bind_port", 0, group="registry")
    assert service.launch(conf) == 0
    assert signal.alarm(0) == 0


def test_a_worker_answers_until_it_is_stopped(tmp_path):
    conf = database.make_current(tmp_path / "state")
    parts = service.Parts.make(conf)
    worker = service.Worker(parts, 2)
    worker.start()
    api = rpcapi.RegistryAPI(transport.get_caller(conf))
    assert api.ping(make_context())["database"] == "ok"
    waiting = threading.Thread(target=worker.wait)
    waiting.start()
    worker.stop()
    waiting.join(10)
    assert not waiting.is_alive()
    with pytest.raises(exception.RegistryUnavailable):
        api.ping(make_context())
