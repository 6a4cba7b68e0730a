import os

import bcrypt
import pytest

from imagesvc import exception
from imagesvc.api.basic_users import BasicUsers

HASH = bcrypt.hashpw(b"canary", bcrypt.gensalt(4)).decode()


class Files:
    """The two files and a clock; a rewritten file has another time, however fast the test is."""

    def __init__(self, directory):
        self.htpasswd, self.users = directory / "htpasswd", directory / "users"
        self.now = 100.0
        self._stamp = 1_000_000_000

    def write(self, htpasswd=None, users=None):
        for path, text in ((self.htpasswd, htpasswd), (self.users, users)):
            if text is not None:
                path.write_text(text)
                path.chmod(0o600)
                self._stamp += 1
                os.utime(path, (self._stamp, self._stamp))

    def load(self):
        return BasicUsers(str(self.htpasswd), str(self.users), lambda: self.now)


@pytest.fixture
def files(tmp_path):
    files = Files(tmp_path)
    files.write(
        f"# people\nalice:{HASH}\n\nroot:{HASH.replace('$2b$', '$2y$')}\n", "alice:red:member\nroot : ops : Admin\n"
    )
    return files


def test_users_have_a_project_and_what_their_roles_imply(files, caplog):
    users = files.load()
    assert (users.find("alice").project, users.find("alice").roles) == ("red", ("member", "reader"))
    assert (users.find("root").project, users.find("root").roles) == ("ops", ("admin", "member", "reader"))
    assert users.find("bob") is None
    assert caplog.text == ""


def test_who_is_in_one_file_only_is_nobody(files, caplog):
    files.write(f"alice:{HASH}\nbob:{HASH}\n", "alice:red:member\ncarol:red:member\n")
    users = files.load()
    assert users.find("bob") is None
    assert users.find("carol") is None
    assert "bob" in caplog.text


def test_changes_count_within_a_second(files):
    users = files.load()
    files.write(users="alice:blue:reader\n")
    assert users.find("alice").project == "red"
    files.now += 1
    assert (users.find("alice").project, users.find("alice").roles) == ("blue", ("reader",))
    assert users.find("root") is None


def test_a_file_broken_later_changes_nothing_and_is_complained_about_once(files, caplog):
    users = files.load()
    files.write(users="alice\n")
    for _ in range(3):
        files.now += 1
        assert users.find("alice").project == "red"
    assert caplog.text.count("stay as they were") == 1
    assert f"{files.users}, line 1: name:project:role,role is expected" in caplog.text
    files.htpasswd.unlink()
    files.now += 1
    assert users.find("alice").project == "red"
    assert "No such file" in caplog.text
    files.write(f"alice:{HASH}\n", "alice:green:member\n")
    files.now += 1
    assert users.find("alice").project == "green"


@pytest.mark.parametrize(
    ("htpasswd", "users", "named"),
    [
        ("alice\n", None, "htpasswd, line 1: name:hash"),
        (f"alice:{HASH}\nbob:$apr1$x$y\n", None, "htpasswd, line 2: name:hash is expected, with a hash by htpasswd -B"),
        (f":{HASH}\n", None, "htpasswd, line 1"),
        ("alice:$2b$05$tooshort\n", None, "htpasswd, line 1"),
        (f"alice:{HASH.replace('$04$', '$99$')}\n", None, "htpasswd, line 1"),
        (None, "alice:red\n", "users, line 1: name:project:role,role"),
        (None, "# c\nalice:red:member\nbob::member\n", "users, line 3"),
        (None, "zoe:red:member\n", "no user of"),
        ("", None, "no user of"),
    ],
)
def test_files_that_cannot_be_used_are_refused_with_their_line(files, htpasswd, users, named):
    files.write(htpasswd, users)
    with pytest.raises(exception.ConfigurationError) as caught:
        files.load()
    assert named in caught.value.msg
    assert HASH not in caught.value.msg


def test_missing_and_garbled_files_are_refused(files):
    files.users.write_bytes(b"\xff\xfe")
    with pytest.raises(exception.ConfigurationError, match="users cannot be read"):
        files.load()
    files.users.unlink()
    with pytest.raises(exception.ConfigurationError, match="users cannot be read: No such file"):
        files.load()


def test_hashes_that_everybody_may_read_are_worth_a_warning(files, caplog):
    files.htpasswd.chmod(0o644)
    files.load()
    assert "can be read by everybody" in caplog.text
