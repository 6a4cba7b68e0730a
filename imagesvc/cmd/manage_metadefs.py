"""The commands of glance-manage that load, remove and write catalogues of metadata definitions."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from oslo_config import cfg

from imagesvc import exception
from imagesvc.api import files
from imagesvc.cmd.commands import Command, Word, say
from imagesvc.registry import metadef_fields
from imagesvc.registry.db import metadef_catalogue, session
from imagesvc.registry.db.metadef_catalogue import Mode
from imagesvc.registry.db.transaction import Transaction

Document = dict[str, Any]
T = TypeVar("T")

#: Owner of a namespace whose file names none.
_OWNER = "admin"
_FIELDS = ("namespace", "display_name", "description", "visibility", "protected", "owner")


def _load(conf: cfg.ConfigOpts) -> int:
    mode = _mode(conf.command.merge, conf.command.prefer_new, conf.command.overwrite)
    catalogue = [_checked(path) for path in _json_files(_source(conf))]

    def work(tx: Transaction) -> list[str]:
        said = []
        for fields, content in catalogue:
            is_new = metadef_catalogue.load(tx, fields, content, mode)
            said.append(f"{fields['namespace']}: {'loaded' if is_new else mode.value}")
        return said

    for line in _in_transaction(conf, work):
        say(line)
    return 0


def _unload(conf: cfg.ConfigOpts) -> int:
    count = _in_transaction(conf, metadef_catalogue.unload)
    say(f"{count} namespaces are removed.")
    return 0


def _export(conf: cfg.ConfigOpts) -> int:
    path = conf.command.path or conf.metadata_source_path
    if not path:
        raise exception.ConfigurationError(reason="name a directory to write to, or set metadata_source_path")
    directory = Path(path)
    namespaces = _in_transaction(conf, metadef_catalogue.export)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, namespace in _named(namespaces):
            text = json.dumps(_document(namespace), indent=4, ensure_ascii=False)
            (directory / name).write_text(f"{text}\n", encoding="utf-8")
            say(f"{namespace['namespace']}: {directory / name}")
    except OSError as error:
        raise exception.ConfigurationError(reason=f"{directory} cannot be written to: {error}") from error
    return 0


def _in_transaction(conf: cfg.ConfigOpts, work: Callable[[Transaction], T]) -> T:
    database = session.Database(conf)
    try:
        return database.run_write(lambda connection: work(Transaction(connection, session.now_ms(connection))))
    finally:
        database.dispose()


def _mode(merge: bool, prefer_new: bool, overwrite: bool) -> Mode:
    if prefer_new and overwrite:
        raise exception.ConfigurationError(reason="prefer_new and overwrite exclude each other")
    if (prefer_new or overwrite) and not merge:
        raise exception.ConfigurationError(reason="prefer_new and overwrite need merge")
    if prefer_new:
        return Mode.UPDATE
    if overwrite:
        return Mode.OVERWRITE
    return Mode.ADD if merge else Mode.KEEP


# -- files -------------------------------------------------------------------------------------------


def _source(conf: cfg.ConfigOpts) -> Path:
    given = conf.command.path or conf.metadata_source_path
    found = Path(given) if given else files.find_directory(conf, "metadefs")
    if found is None or not found.exists():
        raise exception.ConfigurationError(reason=f"there is no catalogue {found or 'beside the configuration'}")
    return found


def _json_files(source: Path) -> list[Path]:
    if source.is_file():
        return [source]
    found = sorted(source.glob("*.json"))
    if not found:
        raise exception.ConfigurationError(reason=f"there are no files *.json in {source}")
    return found


def _checked(path: Path) -> tuple[Document, dict[str, list[Document]]]:
    """The namespace of a file, its fields and its content, in the form of the registry."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(document, dict):
            raise exception.Invalid(reason="it is not a JSON object")
        properties = document.get("properties", {})
        listed = [{"name": name, "schema": schema} for name, schema in properties.items()]
        values = {**document, "properties": listed}
        return metadef_fields.namespace(values, _OWNER), metadef_fields.content(values)
    except exception.Invalid as error:
        raise exception.ConfigurationError(reason=f"{path} cannot be loaded: {error.msg}") from error
    except (OSError, ValueError, AttributeError) as error:
        raise exception.ConfigurationError(reason=f"{path} cannot be loaded: {error}") from error


def _named(namespaces: list[Document]) -> Iterator[tuple[str, Document]]:
    """Each with the name of its file, which no two have in common."""
    taken: set[str] = set()
    for namespace in namespaces:
        words = [namespace["display_name"] or "", namespace["namespace"], f"namespace{len(taken)}"]
        stems = [re.sub(r"\W", "", word) for word in words]
        stem = next(stem for stem in stems if stem and stem.casefold() not in taken)
        taken.add(stem.casefold())
        yield f"{stem}.json", namespace


def _document(namespace: Mapping[str, Any]) -> Document:
    """A namespace as its file has it."""
    document: Document = _given(namespace, _FIELDS)
    document["resource_type_associations"] = [
        _given(item, ("name", "prefix", "properties_target")) for item in namespace["resource_type_associations"]
    ]
    document["properties"] = {item["name"]: item["schema"] for item in namespace["properties"]}
    document["objects"] = [
        _given(item, ("name", "description", "required", "properties")) for item in namespace["objects"]
    ]
    document["tags"] = [{"name": item["name"]} for item in namespace["tags"]]
    return document


def _given(values: Mapping[str, Any], names: tuple[str, ...]) -> Document:
    return {name: values[name] for name in names if values[name] is not None}


_PATH = "Directory of files *.json, or one such file. Default: metadata_source_path."
_MERGE = "Add to namespaces that are in the database what they do not have. Without it they are left as they are."

COMMANDS = (
    Command(
        "load_metadefs",
        _load,
        "Load metadata definitions into the database, all of them or, if one cannot be, none.",
        (
            Word("path", _PATH, "PATH"),
            Word("merge", _MERGE, is_switch=True),
            Word("prefer_new", "With merge: what both have becomes as the file has it.", is_switch=True),
            Word(
                "overwrite",
                "With merge: namespaces become as the file has them and lose what else they have.",
                is_switch=True,
            ),
        ),
    ),
    Command("unload_metadefs", _unload, "Remove all metadata definitions from the database."),
    Command(
        "export_metadefs",
        _export,
        "Write the metadata definitions of the database to files, one for each namespace.",
        (Word("path", "Directory to write to. Default: metadata_source_path.", "PATH"),),
    ),
)
