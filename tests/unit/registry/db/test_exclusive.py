import contextlib
import threading

import pytest
from oslo_db import exception as db_exc

from imagesvc import exception
from imagesvc.registry.db import exclusive
from tests.fixtures import database


@pytest.fixture
def conf(tmp_path):
    return database.make_conf(tmp_path)


def test_one_at_a_time(conf):
    order = []
    inside = threading.Event()

    def second():
        inside.wait(10)
        with exclusive.exclusive(conf):
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with exclusive.exclusive(conf) as connection:
        inside.set()
        thread.join(0.2)
        connection.exec_driver_sql("CREATE TABLE t (x)")
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]


def test_who_waits_too_long_is_told(conf, monkeypatch):
    monkeypatch.setattr(exclusive, "LOCK_SECONDS", 0)
    with exclusive.exclusive(conf):  # noqa: SIM117 - the second is refused inside the first
        with pytest.raises(exception.DatabaseUnavailable, match="locked"), exclusive.exclusive(conf):
            pass


def test_all_or_nothing(conf):
    def fail():
        with exclusive.exclusive(conf) as connection:
            connection.exec_driver_sql("CREATE TABLE t (x)")
            raise ValueError("oops")

    with pytest.raises(ValueError, match="oops"):
        fail()
    with exclusive.reading(conf) as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar() == 0


def test_looking_makes_nothing(conf, tmp_path):
    with exclusive.reading(conf) as connection:
        assert connection is None
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_still_starting_is_waited_for(conf, monkeypatch):
    failures = [db_exc.DBConnectionError(), db_exc.DBConnectionError()]
    pauses = []

    class Engine:
        def connect(self):
            if failures:
                raise failures.pop()
            return self

        def close(self):
            pass

    monkeypatch.setattr(exclusive.time, "sleep", pauses.append)
    conf.set_override("retry_interval", 3, "database")
    exclusive._wait_for(Engine(), conf)
    assert pauses == [3, 3]


def test_a_server_that_never_answers_is_given_up(conf):
    conf.set_override("connection", "mysql+pymysql://glance:SECRET@127.0.0.1:1/glance", "database")
    conf.set_override("max_retries", 1, "database")
    conf.set_override("retry_interval", 0, "database")
    with pytest.raises(exception.DatabaseUnavailable, match="cannot be used") as caught, exclusive.exclusive(conf):
        pass
    assert "SECRET" not in caught.value.msg


class _Server:
    """A stand-in for a server's engine and its connections; remembers what it was asked."""

    def __init__(self, name, answer):
        self.dialect = type("Dialect", (), {"name": name})
        self.asked = []
        self._answer = answer

    @contextlib.contextmanager
    def connect(self):
        self.asked.append("connect")
        yield self
        self.asked.append("close")

    def execute(self, statement):
        self.asked.append(str(statement))
        return self

    def scalar(self):
        return self._answer


@pytest.mark.parametrize(
    ("name", "answer", "take", "release"),
    [("mysql", 1, "GET_LOCK", "RELEASE_LOCK"), ("postgresql", "", "pg_advisory_lock", "pg_advisory_unlock")],
)
def test_servers_keep_a_lock_on_a_connection_of_its_own(name, answer, take, release):
    server = _Server(name, answer)
    with exclusive._lock(server):
        assert server.asked[0] == "connect"
        assert take in server.asked[-1]
    assert release in server.asked[-2]
    assert server.asked[-1] == "close"


def test_nobody_goes_on_without_the_lock():
    with pytest.raises(exception.DatabaseUnavailable, match="still running"), exclusive._lock(_Server("mysql", 0)):
        pass


def test_sqlite_has_its_own_lock():
    server = _Server("sqlite", None)
    with exclusive._lock(server):
        assert server.asked == []
