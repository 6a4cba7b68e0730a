import os
import re
import signal
import sqlite3
import stat
import subprocess
import sys

import pytest

from tests.fixtures import database

LOG_LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} \d+ INFO alembic\.runtime\.migration \[-\] (.*)")
CONTEXT = ["Context impl SQLiteImpl.", "Will assume transactional DDL."]
EXPANSION = """\
Running upgrade  -> liberty, liberty initial
Running upgrade liberty -> mitaka01, add index on created_at and updated_at columns of 'images' table
Running upgrade mitaka01 -> mitaka02, update metadef os_nova_server
Running upgrade mitaka02 -> ocata_expand01, add visibility to images
Running upgrade ocata_expand01 -> pike_expand01, empty expand for symmetry with pike_contract01
Running upgrade pike_expand01 -> queens_expand01
Running upgrade queens_expand01 -> rocky_expand01, add os_hidden column to images table
Running upgrade rocky_expand01 -> rocky_expand02, add os_hash_algo and os_hash_value columns to images table
Running upgrade rocky_expand02 -> train_expand01, empty expand for symmetry with train_contract01
Running upgrade train_expand01 -> ussuri_expand01, empty expand for symmetry with ussuri_expand01
Running upgrade ussuri_expand01 -> wallaby_expand01, add image_id, request_id, user columns to tasks table"
Running upgrade wallaby_expand01 -> xena_expand01, empty expand for symmetry with 2023_1_expand01
Running upgrade xena_expand01 -> yoga_expand01, empty expand for symmetry with 2023_1_expand01
Running upgrade yoga_expand01 -> zed_expand01, empty expand for symmetry with 2023_1_expand01
Running upgrade zed_expand01 -> 2023_1_expand01, empty expand for symmetry with 2023_1_expand01
Running upgrade 2023_1_expand01 -> 2024_1_expand01, adds cache_node_reference and cached_images table(s)
""".splitlines()
CONTRACTION = """\
Running upgrade mitaka02 -> ocata_contract01, remove is_public from images
Running upgrade ocata_contract01 -> pike_contract01, drop glare artifacts tables
Running upgrade pike_contract01 -> queens_contract01
Running upgrade queens_contract01 -> rocky_contract01
Running upgrade rocky_contract01 -> rocky_contract02
Running upgrade rocky_contract02 -> train_contract01
Running upgrade train_contract01 -> ussuri_contract01
Running upgrade ussuri_contract01 -> wallaby_contract01
Running upgrade wallaby_contract01 -> xena_contract01
Running upgrade xena_contract01 -> yoga_contract01
Running upgrade yoga_contract01 -> zed_contract01
Running upgrade zed_contract01 -> 2023_1_contract01
Running upgrade 2023_1_contract01 -> 2024_1_contract01
""".splitlines()
EXPANDED = "Upgraded database to: 2024_1_expand01, current revision(s): 2024_1_expand01"
CONTRACTED = "Upgraded database to: 2024_1_contract01, current revision(s): 2024_1_contract01"
NOTHING_TO_MIGRATE = "Database migration is up to date. No migration needed."
SYNCED = "Database is synced successfully."
UP_TO_DATE = "Database is up to date. No migrations needed."


@pytest.fixture
def state(tmp_path):
    return tmp_path / "state"


@pytest.fixture
def command(tmp_path, state):
    """The command line of glance-manage with a configuration of its own."""
    path = tmp_path / "glance-api.conf"
    path.write_text(f"[DEFAULT]\nstate_path = {state}\n")
    return [sys.executable, "-m", "imagesvc.cmd.manage", "--config-file", str(path)]


@pytest.fixture
def manage(command):
    """Runs glance-manage and gives its exit code and the lines of both its outputs in order."""

    def run(*arguments):
        output = subprocess.PIPE
        done = subprocess.run(
            [*command, *arguments], stdout=output, stderr=subprocess.STDOUT, text=True, timeout=60, check=False
        )
        return done.returncode, done.stdout.splitlines()

    return run


def _said(lines):
    """Only what the command itself said, without the lines of the log."""
    return [line for line in lines if not LOG_LINE.fullmatch(line)]


def _messages(lines):
    return [match.group(1) if (match := LOG_LINE.fullmatch(line)) else line for line in lines]


def _sql(state, statement):
    connection = sqlite3.connect(state / "glance.sqlite")
    with connection:
        rows = connection.execute(statement).fetchall()
    connection.close()
    return rows


@pytest.mark.parametrize("words", [("db", "sync"), ("db_sync",)], ids=" ".join)
def test_the_console_reads_as_in_the_install_guide(manage, words):
    exit_code, lines = manage(*words)
    assert exit_code == 0
    messages = _messages(lines)
    own = [line for line in messages if "-> imagesvc_" in line]
    assert messages[-1 - len(own) : -1] == own
    assert [line for line in messages if line not in own] == [
        *CONTEXT * 3,
        *EXPANSION,
        *CONTEXT,
        EXPANDED,
        *CONTEXT * 2,
        NOTHING_TO_MIGRATE,
        *CONTEXT * 2,
        *CONTRACTION,
        *CONTEXT,
        CONTRACTED,
        *CONTEXT,
        SYNCED,
    ]


def test_the_log_goes_to_stderr_and_results_to_stdout(command):
    done = subprocess.run([*command, "db", "sync"], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines() == [EXPANDED, NOTHING_TO_MIGRATE, CONTRACTED, SYNCED]
    assert all(LOG_LINE.fullmatch(line) for line in done.stderr.splitlines())


def test_the_database_is_made_where_the_world_cannot_read_it(manage, state):
    manage("db", "sync")
    assert stat.S_IMODE(state.stat().st_mode) & 0o027 == 0
    assert stat.S_IMODE((state / "glance.sqlite").stat().st_mode) & 0o137 == 0


def test_twice(manage):
    manage("db", "sync")
    exit_code, lines = manage("db_sync")
    assert (exit_code, _said(lines)) == (0, [UP_TO_DATE])
    assert not [line for line in lines if "Running upgrade" in line]


def test_check_and_version_before_and_after(manage, state):
    exit_code, lines = manage("db", "check")
    assert (exit_code, _said(lines)) == (
        3,
        ["Your database is not up to date. Your first step is to run `glance-manage db expand`."],
    )
    assert manage("db", "version") == (0, ["The database has no schema yet."])
    assert not state.exists()
    manage("db", "sync")
    exit_code, lines = manage("db", "check")
    assert (exit_code, _said(lines)) == (0, ["Database is up to date. No upgrades needed."])
    exit_code, lines = manage("db_version")
    assert (exit_code, _said(lines)) == (0, ["2024_1_contract01"])


def test_step_by_step(manage, state):
    database.make_at(state, "mitaka02")
    _sql(
        state,
        "INSERT INTO images (id, status, is_public, created_at, deleted, min_disk, min_ram) "
        "VALUES ('x', 'active', 0, '2015-01-01', 0, 0, 0)",
    )
    for step, said, next_code in (
        ("expand", [EXPANDED], 4),
        ("migrate", ["Migrated 1 rows"], 5),
        ("contract", [CONTRACTED], 0),
    ):
        exit_code, lines = manage("db", step)
        assert (exit_code, _said(lines)) == (0, said)
        assert manage("db", "check")[0] == next_code


@pytest.mark.parametrize("words", [("db", "upgrade", "--version", "pike_expand01"), ("db_upgrade", "pike_expand01")])
def test_upgrade_to_a_revision(manage, words):
    exit_code, lines = manage(*words)
    assert exit_code == 0
    assert _said(lines) == ["Upgraded database to: pike_expand01, current revision(s): pike_expand01"]


@pytest.mark.parametrize("words", [("db", "sync", "--version", "pike_expand01"), ("db_sync", "pike_expand01")])
def test_sync_to_a_revision(manage, words):
    exit_code, lines = manage(*words)
    assert exit_code == 0
    assert _said(lines) == ["Upgraded database to: pike_expand01, current revision(s): pike_expand01"]


def test_version_control_stamps(manage, state):
    assert manage("db", "version_control")[0] == 0
    assert _sql(state, "SELECT version_num FROM alembic_version") == [("liberty",)]
    assert manage("db_version_control", "mitaka01")[0] == 0
    assert _sql(state, "SELECT version_num FROM alembic_version") == [("mitaka01",)]


def test_an_unknown_revision_is_named_without_a_traceback(manage, state):
    manage("db", "sync")
    _sql(state, "UPDATE alembic_version SET version_num = '2031_2_contract01'")
    for words in (("db", "sync"), ("db", "check"), ("db", "expand")):
        exit_code, lines = manage(*words)
        assert exit_code == 1
        assert [line for line in _said(lines) if "2031_2_contract01 is not known to this release" in line]
        assert "Traceback" not in "".join(lines)
    assert _sql(state, "SELECT version_num FROM alembic_version") == [("2031_2_contract01",)]


def test_adoption_of_a_busy_database_needs_force(manage, state):
    database.make_at(state, "2024_1_contract01")
    _sql(
        state,
        "INSERT INTO images (id, status, created_at, deleted, min_disk, min_ram) "
        "VALUES ('x', 'saving', '2026-01-01', 0, 0, 0)",
    )
    exit_code, lines = manage("db", "sync")
    assert exit_code == 1
    assert "--force" in _said(lines)[-1]
    exit_code, lines = manage("db_sync", "--force")
    assert (exit_code, _said(lines)) == (0, [SYNCED])


#: Runs the command given and kills it without warning at the step named.
_KILLED_AT = """\
import os, signal, sys
from imagesvc.cmd import manage
from imagesvc.registry.db import ddl

genuine = ddl.create_index

def create_index(name, *arguments, **options):
    genuine(name, *arguments, **options)
    if name == sys.argv[1]:
        os.kill(os.getpid(), signal.SIGKILL)

ddl.create_index = create_index
sys.exit(manage.main(sys.argv[2:]))
"""


@pytest.mark.parametrize("step", ["checksum_image_idx", "os_hash_value_image_idx", "imagesvc_images_by_size"])
def test_killed_midway_and_run_again(command, manage, state, step):
    words = [sys.executable, "-c", _KILLED_AT, step, *command[3:], "db", "sync"]
    killed = subprocess.run(words, capture_output=True, timeout=60, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert manage("db", "check")[0] == 3
    exit_code, lines = manage("db", "sync")
    assert (exit_code, _said(lines)[-1]) == (0, SYNCED)
    assert manage("db", "check")[0] == 0
    assert _sql(state, "PRAGMA integrity_check") == [("ok",)]


def test_two_at_once_end_well(command):
    both = [
        subprocess.Popen([*command, "db", "sync"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=60)[0].splitlines() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted(output[-1] for output in outputs) == [SYNCED, UP_TO_DATE]


def test_a_place_that_cannot_be_written_is_named(manage, state):
    state.write_text("in the way")
    exit_code, lines = manage("db", "sync")
    assert exit_code == 1
    assert "Cannot create the database" in lines[-1]
    assert "Traceback" not in "".join(lines)


def test_no_command_and_unknown_commands_are_errors(manage):
    for words in ((), ("db",), ("db", "nonsense"), ("db_nonsense",)):
        exit_code, lines = manage(*words)
        assert exit_code == 2
        assert "usage: glance-manage" in "\n".join(lines)


def test_either_file_may_name_the_database(tmp_path):
    """Guides configure the database in either daemon's file; the registry's wins."""
    home = tmp_path / "home"
    (home / ".glance").mkdir(parents=True)
    (home / ".glance" / "glance-api.conf").write_text(f"[database]\nconnection = sqlite:///{tmp_path}/api.db\n")
    environment = {**os.environ, "HOME": str(home)}
    command = [sys.executable, "-m", "imagesvc.cmd.manage", "db", "sync"]
    subprocess.run(command, env=environment, capture_output=True, timeout=60, check=True)
    assert (tmp_path / "api.db").exists()
    registry = home / ".glance" / "glance-registry.conf"
    registry.write_text(f"[DEFAULT]\nsql_connection = sqlite:///{tmp_path}/registry.db\n")
    subprocess.run(command, env=environment, capture_output=True, timeout=60, check=True)
    assert (tmp_path / "registry.db").exists()
