import socket

from imagesvc import concurrency
from imagesvc.api import runtime
from tests.fixtures import api


def test_the_parts_of_a_worker(tmp_path):
    conf = api.make_conf(tmp_path / "state", host="node-1")
    parts = runtime.build_runtime(conf)
    assert (parts.host, parts.conf, parts.offload) == ("node-1", conf, concurrency.DIRECT)
    assert parts.worker.startswith("node-1:")
    assert parts.stores.ids()


def test_the_parent_may_name_the_worker(tmp_path):
    offload = concurrency.Offload()
    parts = runtime.build_runtime(api.make_conf(tmp_path / "state"), offload=offload, worker="w")
    assert (parts.worker, parts.offload) == ("w", offload)


def test_names(tmp_path):
    conf = api.make_conf(tmp_path / "state")
    assert runtime.host_name(conf) == socket.gethostname()
    assert runtime.worker_name(conf) != runtime.worker_name(conf)
