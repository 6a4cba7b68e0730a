"""``glance-manage db copy`` as an operator runs it."""

import sqlite3

import pytest

from imagesvc.cmd import manage


@pytest.fixture
def run(tmp_path, capsys):
    """Runs glance-manage for a service whose state is ``name``; its exit code and what it said."""

    def run(name, *arguments):
        (tmp_path / f"{name}.conf").write_text(f"[DEFAULT]\nstate_path = {tmp_path / name}\n")
        capsys.readouterr()
        code = manage.main(["--config-file", str(tmp_path / f"{name}.conf"), *arguments])
        out, err = capsys.readouterr()
        return code, out + err

    return run


def test_a_catalogue_moves(run, tmp_path):
    run("old", "db_sync")
    run("new", "db_sync")
    with sqlite3.connect(tmp_path / "old" / "glance.sqlite") as connection:
        connection.execute(
            "INSERT INTO images (id, status, min_disk, min_ram, created_at, deleted) VALUES ('i', 'queued', 0, 0, '2020-01-01', 0)"
        )
    code, said = run("new", "db", "copy", "--from", f"sqlite:///{tmp_path}/old/glance.sqlite")
    assert (code, "Database is copied successfully." in said) == (0, True), said
    with sqlite3.connect(tmp_path / "new" / "glance.sqlite") as connection:
        assert connection.execute("SELECT id FROM images").fetchall() == [("i",)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "--from URL"),
        (["--from", "sqlite:////nosuch/file"], "no database to copy from"),
        (["--from", "nonsense"], "not a SQLAlchemy URL"),
        (["--from", "sqlite:////nosuch/file", "--relocate", "file:///a"], "OLD=NEW"),
    ],
    ids=str,
)
def test_what_is_wrong_is_said(run, arguments, words):
    run("new", "db_sync")
    code, said = run("new", "db", "copy", *arguments)
    assert code == 1
    assert words in said
    assert "Traceback" not in said
