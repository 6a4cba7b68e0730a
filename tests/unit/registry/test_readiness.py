import os
import socket

import pytest

from imagesvc.registry.readiness import Readiness


@pytest.fixture
def systemd(tmp_path, monkeypatch):
    """A socket that systemd would listen on."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield listener


def test_tells_systemd_when_all_workers_have_reported(systemd):
    readiness = Readiness(2)
    assert "NOTIFY_SOCKET" not in os.environ
    readiness.watch()
    readiness.report()
    systemd.setblocking(False)
    with pytest.raises(BlockingIOError):
        systemd.recv(64)
    systemd.settimeout(10)
    readiness.report()
    assert systemd.recv(64) == b"READY=1"


def test_reports_of_later_workers_never_block(systemd):
    readiness = Readiness(1)
    for _ in range(70_000):
        readiness.report()


def test_does_nothing_where_nobody_asked(monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    readiness = Readiness(1)
    readiness.watch()
    readiness.report()
    assert "NOTIFY_SOCKET" not in os.environ
