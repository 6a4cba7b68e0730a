import subprocess
import sys

import pytest

from tests.fixtures import database

DONE = "The database is Glance's again. To come back, run 'glance-manage db_sync'."


@pytest.fixture
def manage(tmp_path):
    """Runs glance-manage on a current database; its exit code, what it printed, and what it complained of."""
    database.make_current(tmp_path / "state")
    config = tmp_path / "glance-api.conf"
    config.write_text(f"[DEFAULT]\nstate_path = {tmp_path}/state\n")

    def run(*words):
        command = [sys.executable, "-m", "imagesvc.cmd.manage", "--config-file", str(config), *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        complaints = [line for line in done.stderr.splitlines() if " INFO " not in line]
        return done.returncode, done.stdout.splitlines(), complaints

    return run


def test_there_and_back(manage):
    assert manage("release") == (0, [DONE], [])
    assert manage("db", "check")[0] == 3
    assert manage("release") == (0, ["There is nothing of imagesvc in this database."], [])
    assert manage("db_sync") == (0, ["Database is synced successfully."], [])
    assert manage("db", "check")[0] == 0


def test_what_is_in_the_way_is_told_without_a_traceback(manage, tmp_path):
    with database.changing(database._make_options(tmp_path / "state")) as connection:
        connection.exec_driver_sql(
            "INSERT INTO images (id, status, created_at, deleted, min_disk, min_ram) "
            "VALUES ('x', 'importing', '2026-01-01', 0, 0, 0)"
        )
    exit_code, said, complaints = manage("release")
    assert (exit_code, said) == (1, [])
    assert "\n".join(complaints) == (
        "glance-manage: 1 image is being written: x (importing). Let them finish and stop glance-api first, or repeat the "
        "command with --force: these images will be queued again. Nothing was changed."
    )
    assert manage("release", "--force") == (0, ["Queued 1 images again that were being written.", DONE], [])
