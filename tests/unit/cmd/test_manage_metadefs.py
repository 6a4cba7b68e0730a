"""``glance-manage db_load_metadefs`` and its like as an operator runs them."""

import json
import sqlite3
from pathlib import Path

import jsonschema
import pytest

from imagesvc.api.v2.metadefs import documents
from imagesvc.cmd import manage
from tests.fixtures import database

CATALOGUE = Path(__file__).parents[3] / "etc" / "metadefs"

_SCHEMA = {"title": "Bus", "type": "string"}
_FILE = {
    "namespace": "OS::Disk",
    "display_name": "Disks (all)",
    "description": "About disks — all of them.",
    "visibility": "public",
    "protected": True,
    "resource_type_associations": [{"name": "OS::Nova::Flavor", "prefix": "hw:", "properties_target": "x"}],
    "properties": {"bus": _SCHEMA, "size": {"title": "Size", "type": "integer", "default": 3}},
    "objects": [{"name": "disk", "description": "d", "required": ["bus"], "properties": {"bus": _SCHEMA}}],
    "tags": [{"name": "fast"}],
}


@pytest.fixture
def run(tmp_path, capsys):
    """Runs glance-manage; its exit code and what it said."""
    database.make_current(tmp_path / "state")
    (tmp_path / "glance-api.conf").write_text(f"[DEFAULT]\nstate_path = {tmp_path}/state\n")

    def run(*arguments):
        capsys.readouterr()
        code = manage.main(["--config-file", str(tmp_path / "glance-api.conf"), *arguments])
        out, err = capsys.readouterr()
        return code, out + err

    return run


@pytest.fixture
def catalogue(tmp_path):
    """Writes files of a catalogue; its directory."""

    def write(**documents):
        directory = tmp_path / "catalogue"
        directory.mkdir(exist_ok=True)
        for name, document in documents.items():
            (directory / f"{name}.json").write_text(json.dumps(document))
        return str(directory)

    return write


@pytest.fixture
def exported(run, tmp_path):
    """The namespaces that are in the database, by name."""

    def export():
        directory = tmp_path / "exported"
        for file in directory.glob("*"):
            file.unlink()
        code, said = run("db_export_metadefs", str(directory))
        assert code == 0, said
        documents = [json.loads(file.read_text()) for file in directory.glob("*.json")]
        return {document["namespace"]: document for document in documents}

    return export


def test_what_is_loaded_is_exported(run, catalogue, exported, tmp_path):
    code, said = run("db_load_metadefs", catalogue(a=_FILE, b={"namespace": "Other", "owner": "p1"}))
    assert (code, said) == (0, "OS::Disk: loaded\nOther: loaded\n")
    assert exported()["OS::Disk"] == {**_FILE, "owner": "admin"}
    assert exported()["Other"]["owner"] == "p1"
    assert {file.name for file in (tmp_path / "exported").iterdir()} == {"Disksall.json", "Other.json"}


def test_names_of_exported_files_are_not_used_twice(run, catalogue, exported):
    files = {name: {"namespace": name, "display_name": "Same"} for name in ("a", "b", "same")}
    files["dots"] = {"namespace": "::", "display_name": "same"}
    run("db_load_metadefs", catalogue(**files))
    assert set(exported()) == {"a", "b", "same", "::"}


def test_loading_again_changes_nothing(run, catalogue, exported):
    run("db_load_metadefs", catalogue(a=_FILE))
    before = exported()
    code, said = run("db", "load_metadefs", "--path", catalogue(a={**_FILE, "display_name": "new", "tags": []}))
    assert (code, said) == (0, "OS::Disk: kept\n")
    assert exported() == before


_CHANGED = {
    **_FILE,
    "display_name": "changed",
    "resource_type_associations": [{"name": "OS::Nova::Flavor", "prefix": "new:"}, {"name": "OS::Glance::Image"}],
    "properties": {"bus": {"title": "New", "type": "integer"}, "more": _SCHEMA},
    "objects": [],
    "tags": [{"name": "fast"}, {"name": "slow"}],
}


@pytest.mark.parametrize(
    ("arguments", "verdict", "name", "bus", "prefix", "properties", "objects"),
    [
        (["merge"], "added to", "Disks (all)", "Bus", "hw:", {"bus", "size", "more"}, ["disk"]),
        (["merge", "prefer_new"], "updated", "changed", "New", "new:", {"bus", "size", "more"}, ["disk"]),
        (["merge", "overwrite"], "overwritten", "changed", "New", "new:", {"bus", "more"}, []),
    ],
)
def test_modes(run, catalogue, exported, arguments, verdict, name, bus, prefix, properties, objects):
    run("db_load_metadefs", catalogue(a=_FILE))
    options = [f"--{argument}" for argument in arguments]
    code, said = run("db", "load_metadefs", "--path", catalogue(a=_CHANGED), *options)
    assert (code, said) == (0, f"OS::Disk: {verdict}\n")
    found = exported()["OS::Disk"]
    assert found["display_name"] == name
    assert found["properties"]["bus"]["title"] == bus
    assert set(found["properties"]) == properties
    assert [item["name"] for item in found["objects"]] == objects
    assert {tag["name"] for tag in found["tags"]} == {"fast", "slow"}
    ties = {tie["name"]: tie.get("prefix") for tie in found["resource_type_associations"]}
    assert ties == {"OS::Nova::Flavor": prefix, "OS::Glance::Image": None}


def test_the_older_form_has_the_modes_by_their_place(run, catalogue, exported):
    run("db_load_metadefs", catalogue(a=_FILE))
    code, said = run("db_load_metadefs", catalogue(a=_CHANGED), "True", "False", "True")
    assert (code, said) == (0, "OS::Disk: overwritten\n")
    assert exported()["OS::Disk"]["objects"] == []


def test_one_file(run, catalogue, exported):
    directory = catalogue(a=_FILE, b={"namespace": "Other"})
    assert run("db", "load_metadefs", "--path", f"{directory}/b.json")[0] == 0
    assert set(exported()) == {"Other"}


def test_a_bad_file_is_named_and_nothing_is_loaded(run, catalogue, exported):
    for bad in (
        {"display_name": "no name"},
        {"namespace": "N", "tags": [{}]},
        {"namespace": "N", "properties": []},
        [],
    ):
        code, said = run("db_load_metadefs", catalogue(a=_FILE, b=bad))
        assert code == 1
        assert "b.json" in said
        assert "Traceback" not in said
    (_, path) = ("", catalogue(a={"namespace": "N", "tags": [{"name": "x"}, {"name": "x"}]}, b=_FILE))
    assert run("db_load_metadefs", path)[0] == 1
    assert exported() == {}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--prefer_new"], "need merge"),
        (["--overwrite"], "need merge"),
        (["--merge", "--prefer_new", "--overwrite"], "exclude each other"),
        (["--path", "/nosuch/directory"], "/nosuch/directory"),
    ],
)
def test_bad_arguments(run, arguments, words):
    code, said = run("db", "load_metadefs", *arguments)
    assert code == 1
    assert words in said


def test_a_directory_without_files_is_refused(run, tmp_path):
    code, said = run("db", "load_metadefs", "--path", str(tmp_path))
    assert code == 1
    assert "no files *.json" in said


def test_unload_removes_everything(run, catalogue, exported, tmp_path):
    run("db_load_metadefs", catalogue(a=_FILE, b={"namespace": "Other"}))
    assert run("db_unload_metadefs") == (0, "2 namespaces are removed.\n")
    assert exported() == {}
    with sqlite3.connect(tmp_path / "state" / "glance.sqlite") as connection:
        assert connection.execute("SELECT count(*) FROM metadef_resource_types").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM metadef_tags").fetchone() == (0,)


def test_the_directory_of_the_configuration_is_the_default(run, catalogue, tmp_path):
    with (tmp_path / "glance-api.conf").open("a") as file:
        file.write(f"metadata_source_path = {catalogue(a=_FILE)}\n")
    assert run("db_load_metadefs") == (0, "OS::Disk: loaded\n")
    code, said = run("db_export_metadefs")
    assert (code, said) == (0, f"OS::Disk: {tmp_path}/catalogue/Disksall.json\n")


def test_nothing_is_exported_to_nowhere(run):
    code, said = run("db_export_metadefs")
    assert code == 1
    assert "metadata_source_path" in said


def test_a_directory_that_cannot_be_written_is_said(run, tmp_path):
    (tmp_path / "file").write_text("")
    code, said = run("db_export_metadefs", str(tmp_path / "file"))
    assert code == 1
    assert "cannot be written" in said
    assert "Traceback" not in said


def test_without_a_schema_the_next_step_is_said(tmp_path, capsys):
    (tmp_path / "glance-api.conf").write_text(f"[DEFAULT]\nstate_path = {tmp_path}/state\n")
    assert manage.main(["--config-file", str(tmp_path / "glance-api.conf"), "db_unload_metadefs"]) == 1
    assert "db_sync" in capsys.readouterr().err


def test_the_catalogue_that_came_with_the_service_is_the_default(run, exported):
    code, said = run("db_load_metadefs")
    assert code == 0, said
    lines = said.splitlines()
    assert len(lines) == len(list(CATALOGUE.glob("*.json"))) > 30
    assert all(line.endswith(": loaded") for line in lines)
    assert "OS::Compute::Watchdog" in exported()


def test_a_catalogue_beside_the_configuration_goes_before_it(run, tmp_path):
    (tmp_path / "metadefs").mkdir()
    (tmp_path / "metadefs" / "own.json").write_text('{"namespace": "Own"}')
    assert run("db_load_metadefs") == (0, "Own: loaded\n")


@pytest.mark.parametrize("path", sorted(CATALOGUE.glob("*.json")), ids=lambda path: path.stem)
def test_every_file_of_the_catalogue_is_what_clients_may_send_and_explains_itself(path):
    namespace = documents.NAMESPACE.check(json.loads(path.read_text(encoding="utf-8")))
    assert (namespace["visibility"], namespace["protected"]) == ("public", True)
    assert namespace["display_name"]
    assert namespace["description"]
    assert namespace["resource_type_associations"]
    groups = [namespace.get("properties", {}), *(item["properties"] for item in namespace.get("objects", []))]
    assert any(groups)
    for name, schema in (pair for group in groups for pair in group.items()):
        assert schema["description"].endswith("."), name
        assert "default" not in schema or schema["default"] in schema.get("enum", [schema["default"]]), name
        jsonschema.Draft4Validator.check_schema(schema)


def test_no_two_files_of_the_catalogue_have_a_namespace_in_common():
    names = [json.loads(path.read_text(encoding="utf-8"))["namespace"] for path in CATALOGUE.glob("*.json")]
    assert len(names) == len({name.casefold() for name in names})
