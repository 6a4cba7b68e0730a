from imagesvc.api import files
from tests.fixtures.database import make_conf


def test_the_operators_file_comes_first(tmp_path):
    config = tmp_path / "etc" / "glance-api.conf"
    config.parent.mkdir()
    config.write_text("[DEFAULT]\n")
    conf = make_conf(tmp_path, f"--config-file={config}")
    assert files.find(conf, ["a.ini", "b.ini"], "api-paste.ini").parent.name == "etc"
    assert files.find(conf, ["a.ini"], "no-such-file") is None
    for name in ("b.ini", "a.ini"):
        (config.parent / name).touch()
        assert files.find(conf, ["a.ini", "b.ini"], "api-paste.ini") == config.parent / name


def test_files_in_a_configuration_directory(tmp_path):
    directory = tmp_path / "glance.conf.d"
    directory.mkdir()
    (directory / "mine.conf").write_text("[DEFAULT]\n")
    (directory / "a.ini").touch()
    conf = make_conf(tmp_path, f"--config-dir={directory}")
    assert files.find(conf, ["a.ini"], "api-paste.ini") == directory / "a.ini"


def test_the_last_named_configuration_file_counts_most(tmp_path):
    arguments = []
    for name in ("one", "two"):
        directory = tmp_path / name
        directory.mkdir()
        (directory / "glance-api.conf").write_text("[DEFAULT]\n")
        (directory / "a.ini").touch()
        arguments.append(f"--config-file={directory}/glance-api.conf")
    assert files.find(make_conf(tmp_path, *arguments), ["a.ini"], "x") == tmp_path / "two" / "a.ini"
