import logging

import pytest
from oslo_config import cfg

from imagesvc import conf as options
from imagesvc.conf import compat


@pytest.fixture
def parse(tmp_path):
    def _parse(text: str) -> cfg.ConfigOpts:
        path = tmp_path / "glance-api.conf"
        path.write_text(text)
        conf = cfg.ConfigOpts()
        options.register_opts(conf)
        conf(["--config-file", str(path)], project="glance")
        return conf

    return _parse


def test_a_file_of_an_old_release_is_accepted_and_its_dead_lines_are_named(parse, caplog):
    conf = parse(
        "[DEFAULT]\nregistry_host = 10.0.0.1\nbind_port = 9393\nverbose = anything at all\n"
        "[task]\ntask_executor = eventlet\n[no_such_section]\nx = 1\n"
    )
    with caplog.at_level(logging.WARNING):
        compat.warn_ignored(conf)
    (line,) = caplog.messages
    assert "[DEFAULT] registry_host" in line
    assert "[DEFAULT] verbose" in line
    assert "[task] task_executor" in line
    assert "bind_port" not in line
    assert conf.bind_port == 9393


def test_nothing_is_logged_when_nothing_is_ignored(parse, caplog):
    with caplog.at_level(logging.WARNING):
        compat.warn_ignored(parse("[DEFAULT]\nbind_port = 9393\n"))
    assert caplog.messages == []


def test_values_of_secret_options_are_not_logged(parse, caplog):
    with caplog.at_level(logging.WARNING):
        compat.warn_ignored(parse("[DEFAULT]\nadmin_password = canary-secret\n"))
    assert "admin_password" in caplog.text
    assert "canary-secret" not in caplog.text


def test_what_installers_set_beside_the_database_is_named_without_its_passwords(parse, caplog):
    conf = parse(
        "[database]\nconnection = mysql+pymysql://glance:canary@db/glance\nmax_retries = -1\ndb_max_retries = -1\n"
        "slave_connection = mysql+pymysql://glance:canary@replica/glance\n[key_manager]\nbackend = barbican\n"
    )
    with caplog.at_level(logging.DEBUG):
        compat.warn_ignored(conf)
        conf.log_opt_values(logging.getLogger("options"), logging.DEBUG)
    line = caplog.messages[0]
    assert "[database] slave_connection" in line
    assert "[database] db_max_retries" in line
    assert "[key_manager] backend" in line
    assert "[database] max_retries" not in line
    assert "canary" not in caplog.text


def test_every_dead_option_says_so_in_its_help():
    texts = [option.help for group in compat.GROUPS.values() for option in group]
    assert texts
    assert all(text.startswith("Has no effect") for text in texts)


def test_no_option_is_both_alive_and_dead():
    pairs = [(group, option.dest) for group, opts in options.list_opts() for option in opts]
    assert len(pairs) == len(set(pairs))


def test_every_option_has_help():
    missing = [(group, option.name) for group, opts in options.list_opts() for option in opts if not option.help]
    assert missing == []
