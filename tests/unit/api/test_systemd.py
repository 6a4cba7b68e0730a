"""What systemd is told."""

import socket

import pytest

from imagesvc.api import systemd


@pytest.fixture
def notified(tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield sock


@pytest.mark.parametrize(
    ("tell", "first"),
    [(systemd.ready, b"READY=1"), (systemd.reloading, b"RELOADING=1"), (systemd.stopping, b"STOPPING=1")],
)
def test_states(notified, tell, first):
    tell()
    assert notified.recv(1000).split(b"\n")[0] == first


def test_abstract_address(monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind("\0imagesvc-test-notify")
        sock.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", "@imagesvc-test-notify")
        systemd.notify("A=1", "B=2")
        assert sock.recv(100) == b"A=1\nB=2"


def test_absence_of_systemd_is_no_error(monkeypatch, caplog):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    systemd.ready()
    assert caplog.text == ""
    monkeypatch.setenv("NOTIFY_SOCKET", "/nonexistent/notify")
    systemd.ready()
    assert "Cannot notify systemd" in caplog.text
