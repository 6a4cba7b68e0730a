import subprocess
import sys

_CHECK = """
import socket, sys, threading, time
import imagesvc.cmd.registry
patcher = sys.modules.get("eventlet.patcher")
assert patcher is None or not any(map(patcher.is_monkey_patched, ("os", "select", "socket", "thread", "time")))
from oslo_service import backend
assert backend.get_backend_type() is backend.BackendType.THREADING
"""


def test_it_runs_on_native_threads_whatever_libraries_import():
    subprocess.run([sys.executable, "-c", _CHECK], check=True, timeout=60)


def test_a_configuration_that_cannot_work_is_said_in_one_line(tmp_path):
    config = tmp_path / "glance-registry.conf"
    config.write_text(f"[DEFAULT]\nstate_path = {tmp_path}\nuser_storage_quota = lots\n")
    command = [sys.executable, "-m", "imagesvc.cmd.registry", "--config-file", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("glance-registry: user_storage_quota = lots")


def test_options_without_effect_are_named_at_start(tmp_path):
    config = tmp_path / "glance-registry.conf"
    config.write_text(f"[DEFAULT]\nstate_path = {tmp_path}\nuser_storage_quota = lots\nregistry_host = elsewhere\n")
    command = [sys.executable, "-m", "imagesvc.cmd.registry", "--config-file", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert "no effect: [DEFAULT] registry_host" in done.stdout
