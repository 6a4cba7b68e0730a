import errno
import os

import pytest

from imagesvc import exception
from imagesvc.rpc import keys


@pytest.fixture
def path(tmp_path):
    keys.create(tmp_path / "keys")
    return tmp_path / "keys"


def test_a_new_file_holds_one_key_for_its_owner_alone(path):
    [key] = keys.read(path)
    assert len(key.secret) == 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert repr(key) == f"Key(name='{key.name}')"


def test_an_existing_file_is_not_made_anew(path):
    before = path.read_text()
    with pytest.raises(exception.ConfigurationError, match="exists"):
        keys.create(path)
    assert path.read_text() == before


def test_a_key_is_replaced_in_three_steps(path):
    [old] = keys.read(path)
    keys.add(path)
    first, second = keys.read(path)
    assert first == old
    keys.activate(path)
    assert keys.read(path) == [second, old]
    keys.retire(path)
    assert keys.read(path) == [second]


def test_the_steps_must_come_in_order(path):
    for step in (keys.activate, keys.retire):
        with pytest.raises(exception.ConfigurationError, match="one key only"):
            step(path)
    keys.add(path)
    with pytest.raises(exception.ConfigurationError, match="two keys already"):
        keys.add(path)


def test_a_step_keeps_mode_and_owner(path, monkeypatch):
    owners = []
    monkeypatch.setattr(keys.os, "fchown", lambda _fd, *owner: owners.append(owner))
    path.chmod(0o640)
    found = path.stat()
    keys.add(path)
    assert path.stat().st_mode & 0o777 == 0o640
    assert owners == [(found.st_uid, found.st_gid)]


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o604, 0o602, 0o777])
def test_a_file_open_to_others_is_refused(path, mode):
    path.chmod(mode)
    with pytest.raises(exception.ConfigurationError, match="chmod 640"):
        keys.Keyring(str(path))


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "é\n", "a\n", "a b\n", f"a {'0' * 63}\n", f"a {'0' * 64}\n" * 2, f"a {'0' * 64}\nb\n"]
)
def test_a_file_of_something_else_is_refused_without_showing_it(tmp_path, text):
    path = tmp_path / "keys"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(exception.ConfigurationError, match="one or two keys") as refusal:
        keys.Keyring(str(path))
    assert "0" * 63 not in refusal.value.msg


@pytest.mark.parametrize("path", [None, "", "/nonexistent/keys"])
def test_no_key_names_the_command_that_makes_one(path):
    with pytest.raises(exception.ConfigurationError, match="glance-manage rpc_key create"):
        keys.Keyring(path)


def test_a_directory_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(exception.ConfigurationError, match="cannot write"):
        keys.create(tmp_path / "missing" / "keys")


def test_a_directory_is_no_file_of_keys(tmp_path):
    with pytest.raises(exception.ConfigurationError, match="signing_key_file"):
        keys.Keyring(str(tmp_path))


def test_no_keys_are_left_about_when_the_disk_is_full(path, monkeypatch):
    def full(_fd):
        raise OSError(errno.ENOSPC, "No space left on device")

    before = path.read_text()
    monkeypatch.setattr(keys.os, "fsync", full)
    with pytest.raises(exception.ConfigurationError, match="No space left"):
        keys.add(path)
    assert [file.read_text() for file in path.parent.iterdir()] == [before]


@pytest.fixture
def now(monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr(keys.time, "monotonic", lambda: clock[0])
    return clock


def test_a_changed_file_is_noticed_a_second_later(path, now):
    ring = keys.Keyring(str(path))
    old = ring.signing
    keys.add(path)
    keys.activate(path)
    assert ring.signing == old
    now[0] += 1
    assert ring.signing == keys.read(path)[0] != old
    assert ring.find(old.name) == old
    assert ring.find("other") is None


@pytest.mark.parametrize("harm", [lambda path: path.write_text("x"), lambda path: path.chmod(0o644), os.unlink])
def test_a_file_gone_bad_changes_nothing_and_is_reported_once(path, now, caplog, harm):
    ring = keys.Keyring(str(path))
    key = ring.signing
    harm(path)
    for _ in range(3):
        now[0] += 1
        assert ring.signing == key
    assert caplog.text.count("stay as they were") == 1
