import errno
import os
import stat

import pytest

from imagesvc import exception
from imagesvc.rpc import frames, rendezvous


@pytest.fixture
def directory(tmp_path):
    opened = rendezvous.create(tmp_path / "rpc")
    yield opened
    opened.close()


def test_create_makes_a_private_directory(tmp_path):
    path = tmp_path / "a" / "b" / "rpc"
    rendezvous.create(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    rendezvous.create(path).close()


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o701, 0o710, 0o777])
def test_a_directory_open_to_others_is_refused(tmp_path, mode):
    tmp_path.chmod(mode)
    with pytest.raises(exception.ConfigurationError, match="chmod 700"):
        rendezvous.create(tmp_path)


def test_a_directory_of_another_user_is_refused(tmp_path, monkeypatch):
    tmp_path.chmod(0o700)
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    with pytest.raises(exception.ConfigurationError, match="must belong to user"):
        rendezvous.Directory(tmp_path)


def test_a_file_in_its_place_is_said_so(tmp_path):
    (tmp_path / "rpc").touch()
    with pytest.raises(exception.ConfigurationError, match="rpc"):
        rendezvous.create(tmp_path / "rpc")


def test_a_missing_directory_is_file_not_found(tmp_path):
    with pytest.raises(FileNotFoundError):
        rendezvous.Directory(tmp_path / "none")


def test_a_listener_is_found_and_connected_to(directory, tmp_path):
    listener, name = directory.listen("topic", "host-1")
    with listener:
        assert directory.names("topic") == [name]
        assert directory.names("other") == directory.names("top") == []
        assert stat.S_IMODE((tmp_path / "rpc" / name).stat().st_mode) == 0o600
        with directory.connect(name) as connection:
            assert frames.peer_uid(connection) == os.geteuid()
            assert connection.gettimeout() is None


def test_the_path_may_be_longer_than_a_socket_address(tmp_path):
    path = tmp_path / ("d" * 120) / ("e" * 120)
    directory = rendezvous.create(path)
    listener, name = directory.listen("glance-registry", "host" * 100)
    with listener:
        directory.connect(name).close()
    directory.close()


def test_odd_server_names_do_no_harm(directory, tmp_path):
    listener, name = directory.listen("topic", "../../etc/p+w\0ß d")
    with listener:
        assert directory.names("topic") == [name]
        assert (tmp_path / "rpc" / name).is_socket()


def test_two_servers_of_one_name_do_not_meet(directory):
    (first, _), (second, _) = directory.listen("topic", "host-1"), directory.listen("topic", "host-1")
    with first, second:
        assert len(set(directory.names("topic"))) == 2


def test_sweep_removes_the_dead_only(directory, tmp_path):
    dead, dead_name = directory.listen("topic", "dead")
    dead.close()
    alive, alive_name = directory.listen("topic", "alive")
    (tmp_path / "rpc" / "topic+new+1-2.new").touch()
    os.utime(tmp_path / "rpc" / "topic+new+1-2.new", (0, 0))
    (tmp_path / "rpc" / "topic+young+1-2.new").touch()
    (tmp_path / "rpc" / "notes.txt").touch()
    with alive:
        directory.sweep()
        assert {path.name for path in (tmp_path / "rpc").iterdir()} == {alive_name, "topic+young+1-2.new", "notes.txt"}
    assert dead_name != alive_name


def _connections_until_refused(directory, name):
    with pytest.raises(BlockingIOError):  # noqa: PT012
        while True:
            yield directory.connect(name)


def test_sweep_spares_a_server_too_busy_to_accept(directory):
    listener, name = directory.listen("topic", "busy")
    listener.listen(0)
    with listener, directory.connect(name):
        waiting = list(_connections_until_refused(directory, name))
        directory.sweep()
        assert directory.names("topic") == [name]
        for connection in waiting:
            connection.close()


def test_a_dead_server_refuses_at_once(directory):
    listener, name = directory.listen("topic", "dead")
    listener.close()
    with pytest.raises(ConnectionRefusedError):
        directory.connect(name)
    directory.remove(name)
    directory.remove(name)
    with pytest.raises(FileNotFoundError):
        directory.connect(name)


def test_a_server_of_another_user_is_refused(directory, monkeypatch):
    listener, name = directory.listen("topic", "host-1")
    monkeypatch.setattr(frames, "peer_uid", lambda _connection: os.geteuid() + 1)
    with listener, pytest.raises(OSError) as caught:
        directory.connect(name)
    assert caught.value.errno == errno.EPERM


def test_a_failed_listen_leaves_nothing(directory, tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError(errno.EROFS, "read-only")

    monkeypatch.setattr(os, "rename", fail)
    with pytest.raises(OSError):
        directory.listen("topic", "host-1")
    assert not list((tmp_path / "rpc").iterdir())


def test_a_directory_that_moved_is_still_used(directory, tmp_path):
    (tmp_path / "rpc").rename(tmp_path / "moved")
    listener, name = directory.listen("topic", "host-1")
    with listener:
        directory.connect(name).close()
        assert (tmp_path / "moved" / name).is_socket()
