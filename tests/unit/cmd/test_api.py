"""The console script up to the point where it listens."""

import subprocess
import sys

import pytest


def run(*arguments, code="import sys; from imagesvc.cmd import api; sys.exit(api.main())"):
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_everything_is_patched_before_anything_else_is_imported():
    code = """
import sys
import eventlet
patched = []
real = eventlet.monkey_patch
eventlet.monkey_patch = lambda **kw: (patched.append([m for m in sys.modules if m.startswith(("oslo", "imagesvc."))]), real(**kw))
import imagesvc.cmd.api
from eventlet import patcher
print(patched, all(patcher.is_monkey_patched(module) for module in ("socket", "thread", "time")))
"""
    assert run(code=code).stdout == "[['imagesvc.cmd', 'imagesvc.cmd.api']] True\n"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("[DEFAULT]\nworkers = several\n", "workers"), ("[DEFAULT]\ncert_file = /x\n", "both cert_file and key_file")],
)
def test_configuration_that_cannot_work_is_said_in_one_line(tmp_path, text, complaint):
    path = tmp_path / "glance-api.conf"
    path.write_text(text)
    done = run("--config-file", str(path))
    assert done.returncode == 1
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


def test_options_without_effect_are_named_at_start(tmp_path):
    path = tmp_path / "glance-api.conf"
    path.write_text("[DEFAULT]\ncert_file = /x\nregistry_host = elsewhere\n")
    assert "no effect: [DEFAULT] registry_host" in run("--config-file", str(path)).stdout


def test_missing_configuration_file_is_named():
    done = run("--config-file", "/nonexistent/glance-api.conf")
    assert done.returncode == 1
    assert "/nonexistent/glance-api.conf" in done.stderr
    assert "Traceback" not in done.stderr


def test_version():
    assert run("--version").returncode == 0
