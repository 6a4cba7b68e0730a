import pytest
from oslo_config import cfg

from imagesvc import conf as options
from imagesvc import exception


@pytest.fixture
def parse(tmp_path):
    def _parse(text):
        (tmp_path / "test.conf").write_text(f"[import_filtering_opts]\n{text}")
        conf = cfg.ConfigOpts()
        options.register_opts(conf)
        conf([], project="imagesvc-test", default_config_files=[str(tmp_path / "test.conf")], default_config_dirs=[])
        return conf

    return _parse


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("", []),
        ("allowed_hosts = a.test, b.test", ["a.test", "b.test"]),
        ("allowed_hosts = [a.test,b.test]", ["a.test", "b.test"]),
        ("allowed_hosts =", []),
        ("allowed_hosts = []", []),
    ],
)
def test_lists_may_stand_in_brackets_as_glance_wants_them(parse, text, hosts):
    assert parse(text).import_filtering_opts.allowed_hosts == hosts


def test_ports(parse):
    assert parse("").import_filtering_opts.allowed_ports == [80, 443]
    assert parse("allowed_ports = [8080]").import_filtering_opts.allowed_ports == [8080]
    with pytest.raises(exception.ConfigurationError, match="allowed_ports"):
        options.check(parse("allowed_ports = 80, 65536"))
