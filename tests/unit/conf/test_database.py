import pytest
from oslo_config import cfg

from imagesvc import conf as options


def _read(tmp_path, text):
    path = tmp_path / "glance-registry.conf"
    path.write_text(text)
    conf = cfg.ConfigOpts()
    options.register_opts(conf)
    conf(["--config-file", str(path)], project="imagesvc-test")
    return conf.database


@pytest.mark.parametrize(
    "text",
    [
        "[database]\nconnection = mysql://x/glance",
        "[DEFAULT]\nsql_connection = mysql://x/glance",
        "[DATABASE]\nsql_connection = mysql://x/glance",
        "[sql]\nconnection = mysql://x/glance",
    ],
)
def test_every_spelling_of_the_connection_since_2011(tmp_path, text):
    assert _read(tmp_path, text).connection == "mysql://x/glance"


def test_the_present_spelling_wins(tmp_path):
    text = "[DEFAULT]\nsql_connection = mysql://old/glance\n[database]\nconnection = mysql://new/glance"
    assert _read(tmp_path, text).connection == "mysql://new/glance"


@pytest.mark.parametrize(
    ("text", "option", "value"),
    [
        ("[DEFAULT]\nsql_idle_timeout = 7", "connection_recycle_time", 7),
        ("[database]\nidle_timeout = 7", "connection_recycle_time", 7),
        ("[DEFAULT]\nsql_max_pool_size = 7", "max_pool_size", 7),
        ("[DEFAULT]\nsql_max_retries = 7", "max_retries", 7),
        ("[DEFAULT]\nsql_retry_interval = 7", "retry_interval", 7),
        ("[DATABASE]\nreconnect_interval = 7", "retry_interval", 7),
    ],
)
def test_older_spellings_of_other_options(tmp_path, text, option, value):
    assert getattr(_read(tmp_path, text), option) == value


def test_options_of_oslo_db_that_have_no_use_here_may_stand_in_the_file(tmp_path):
    assert _read(tmp_path, "[database]\nbackend = sqlalchemy\nuse_db_reconnect = true\n").connection is None


def test_the_url_is_a_secret():
    (connection,) = [option for option in options.database.DATABASE if option.name == "connection"]
    assert connection.secret
