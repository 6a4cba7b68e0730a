import logging

import pytest
import sqlalchemy as sa

from imagesvc import exception
from imagesvc.registry.db import engines
from tests.fixtures import database


@pytest.fixture
def conf(tmp_path):
    return database.make_conf(tmp_path)


def _url(conf, connection, **options):
    conf.set_override("connection", connection, "database")
    for name, value in options.items():
        conf.set_override(name, value, "database")
    return engines.database_url(conf)


@pytest.fixture
def without_mysqlclient(monkeypatch):
    monkeypatch.setattr(engines, "_importable", lambda module: module != "MySQLdb")


def test_unset_means_a_file_in_the_state_path(conf, tmp_path):
    assert engines.database_url(conf).render_as_string() == f"sqlite:///{tmp_path}/glance.sqlite"


def test_sqlite_is_taken_as_it_is(conf):
    assert _url(conf, "sqlite:////x/y.db").database == "/x/y.db"


@pytest.mark.parametrize("scheme", ["mysql", "mysql+mysqldb"])
def test_without_mysqlclient_pymysql_is_used_and_one_line_says_so(conf, without_mysqlclient, caplog, scheme):
    with caplog.at_level(logging.INFO, engines.__name__):
        url = _url(conf, f"{scheme}://glance:SECRET@db/glance")
        assert engines.database_url(conf) == url
    assert url.drivername == "mysql+pymysql"
    assert [record.getMessage() for record in caplog.records] == [
        f"mysqlclient is not installed; using PyMySQL for {scheme}://glance:***@db/glance."
    ]


def test_that_line_does_not_show_the_query(conf, without_mysqlclient, caplog):
    with caplog.at_level(logging.INFO, engines.__name__):
        _url(conf, "mysql://db/hidden?password=SECRET")
    assert "hidden" in caplog.text
    assert "SECRET" not in caplog.text


def test_with_mysqlclient_it_is_used(conf, monkeypatch):
    monkeypatch.setattr(engines, "_importable", lambda _module: True)
    assert _url(conf, "mysql://glance:SECRET@db/glance").drivername == "mysql+mysqldb"


def test_mariadb_is_opened_as_mysql_whose_errors_are_recognised(conf, without_mysqlclient):
    assert _url(conf, "mariadb://db/glance").drivername == "mysql+pymysql"
    assert _url(conf, "mariadb+pymysql://db/glance").drivername == "mysql+pymysql"


def test_another_driver_is_the_operators_choice(conf, without_mysqlclient):
    assert _url(conf, "mysql+pymysql://db/glance").drivername == "mysql+pymysql"


def test_mysql_speaks_all_of_unicode_unless_told_otherwise(conf):
    assert _url(conf, "mysql+pymysql://db/glance").query["charset"] == "utf8mb4"
    assert _url(conf, "mysql+pymysql://db/glance?charset=utf8").query["charset"] == "utf8"


def test_an_unreachable_server_is_noticed_in_seconds(conf):
    assert _url(conf, "postgresql+psycopg2://db/glance").query["connect_timeout"] == "5"
    assert _url(conf, "postgresql+psycopg2://db/glance?connect_timeout=60").query["connect_timeout"] == "60"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_postgresql_gets_the_driver_that_is_installed(conf, monkeypatch, scheme):
    installed = {"psycopg2"}
    monkeypatch.setattr(engines, "_importable", installed.__contains__)
    assert _url(conf, f"{scheme}://db/glance").drivername == "postgresql+psycopg2"
    installed.add("psycopg")
    assert _url(conf, f"{scheme}://db/glance").drivername == "postgresql+psycopg"


def test_parameters_are_appended(conf):
    url = _url(conf, "mysql+pymysql://db/glance", connection_parameters="ssl_ca=/ca.pem&x=1")
    assert (url.query["ssl_ca"], url.query["x"]) == ("/ca.pem", "1")


@pytest.mark.parametrize(
    "connection",
    [
        "nonsense SECRET",
        "sqlite://",
        "sqlite:///:memory:",
        "mysql://glance:x@SECRET@db/glance",
        "mysql://glance@db:SECRET/glance",
    ],
)
def test_urls_that_cannot_work_are_refused_without_their_text(conf, connection):
    with pytest.raises(exception.ConfigurationError, match=r"\[database\] connection") as caught:
        _url(conf, connection)
    assert "SECRET" not in caught.value.msg


@pytest.mark.parametrize("scheme", ["oracle", "nosuchdatabase"])
def test_a_missing_driver_is_named(conf, scheme):
    conf.set_override("connection", f"{scheme}://glance:SECRET@db/glance", "database")
    with pytest.raises(exception.ConfigurationError, match=scheme) as caught:
        engines.create_engine(conf)
    assert "SECRET" not in caught.value.msg


def test_a_server_gets_the_pool_of_the_options_and_is_not_asked_for_yet(conf):
    conf.set_override("connection", "mysql+pymysql://glance:SECRET@127.0.0.1:1/glance", "database")
    conf.set_override("max_pool_size", 7, "database")
    assert engines.create_engine(conf).pool.size() == 7


def test_requests_do_not_wait_for_ever_and_migrations_do(conf):
    conf.set_override("connection", "mysql+pymysql://127.0.0.1:1/glance?write_timeout=7", "database")
    assert "read_timeout" not in engines.create_engine(conf).url.query
    query = engines.create_engine(conf, answer_seconds=30).url.query
    assert (query["read_timeout"], query["write_timeout"]) == ("30", "7")


def test_connections_to_a_vanished_postgresql_end(conf):
    query = _url(conf, "postgresql+psycopg2://db/glance?keepalives_idle=60").query
    assert (query["keepalives_idle"], query["tcp_user_timeout"]) == ("60", "25000")


def test_readers_of_postgresql_see_one_snapshot(conf):
    conf.set_override("connection", "postgresql+psycopg2://127.0.0.1:1/glance", "database")
    options = engines.reader_of(engines.create_engine(conf)).get_execution_options()
    assert options["isolation_level"] == "REPEATABLE READ"
    assert options["postgresql_readonly"]


def test_an_excerpt_is_cut_out_of_an_error_that_nobody_has_translated():
    engine = sa.create_engine("sqlite://")
    sa.event.listen(engine, "handle_error", engines._drop_excerpt)
    with engine.connect() as connection, pytest.raises(sa.exc.OperationalError) as error:
        connection.exec_driver_sql('SELECT "\nLINE secret"."x"')
    assert "secret" not in str(error.value.orig)
