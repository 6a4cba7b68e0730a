"""Write doc/source/api/openapi.yaml, or check that it is current.

It is put together from the table of routes, the schemas that the service serves, and what doc/source/api says of each
operation.  Without arguments it compares and fails on a difference; ``--write`` replaces the file.  A route without an entry
is an error, and so is an entry without a route.
"""

import copy
import difflib
import json
import pkgutil
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import yaml
from oslo_config import cfg

from imagesvc import conf as config
from imagesvc.api.v2 import application
from imagesvc.api.v2.metadefs import documents
from imagesvc.api.v2.router import Body, Route

SOURCE = Path(__file__).resolve().parent.parent / "doc" / "source" / "api"
TARGET = SOURCE / "openapi.yaml"

#: The document as other tools read it.
Document = dict[str, Any]

_VARIABLE = re.compile(r"\{(\w+)\}")
_JSON = "application/json"
_HEADERS = {
    "Location": "URL of what was created.",
    "ETag": "Version of the image, for If-Match.",
    "OpenStack-image-import-methods": "Ways to import data, separated by commas.",
    "OpenStack-image-store-ids": "Stores a client may choose, separated by commas.",
    "Content-MD5": "MD5 of the data.",
    "Content-Range": "Which part of how many bytes.",
}
#: Where JSON Schema has schemas: under one keyword, or under the names below one.
_ONE = ("items", "additionalProperties", "not")
_NAMED = ("properties", "definitions", "$defs")
_LISTED = ("allOf", "anyOf", "oneOf")
#: Words of the served schemas that are not about values.
_FOREIGN = ("name", "links", "is_base")


class Mismatch(Exception):
    """The table of routes and the entries are not about the same."""


def main() -> None:
    try:
        wanted = dump(build(routes()))
    except Mismatch as error:
        sys.exit(str(error))
    have = TARGET.read_text() if TARGET.exists() else ""
    if sys.argv[1:] == ["--write"]:
        TARGET.write_text(wanted)
    elif have != wanted:
        lines = difflib.unified_diff(
            have.splitlines(), wanted.splitlines(), TARGET.name, "the code says", n=1, lineterm=""
        )
        print(*list(lines)[:40], sep="\n")
        sys.exit("out of date: doc/source/api/openapi.yaml. Run: .venv/bin/python tools/openapi.py --write")


def routes() -> tuple[Route, ...]:
    """The table, with controllers that have nothing behind them."""
    conf = cfg.ConfigOpts()
    config.register_opts(conf)
    conf([], project="glance", default_config_files=[], default_config_dirs=[])
    return application.table(mock.MagicMock(conf=conf))


def dump(document: Document) -> str:
    """The document as it stands in the file."""
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - a document that people read has none
        return True


def build(table: tuple[Route, ...]) -> Document:
    """The document.

    :raises Mismatch: a route has no entry, or an entry no route.
    """
    common = yaml.safe_load((SOURCE / "common.yaml").read_text())
    nouns = [yaml.safe_load(path.read_text()) for path in sorted((SOURCE / "operations").glob("*.yaml"))]
    known = {f"{route.method} {route.path}": route for route in table}
    _compare(known, nouns)
    paths: Document = {}
    for noun in nouns:
        prefix = "" if noun.get("root") else "/v2"
        for title, entry in noun["operations"].items():
            method, path = title.split(" ")
            operation = _operation(entry, method, path, known.get(title), common)
            paths.setdefault(prefix + path, {})[method.lower()] = {"tags": [noun["title"]], **operation}
    return {
        "openapi": "3.1.0",
        "info": {**common["info"], "version": "2.18"},
        "tags": [{"name": noun["title"]} for noun in nouns],
        "paths": paths,
        "components": {
            "schemas": _schemas(table, common["schemas"]),
            "responses": {f"error_{status}": _error(text) for status, text in common["errors"].items()},
        },
    }


def _compare(known: Mapping[str, Route], nouns: list[Document]) -> None:
    entries = {title for noun in nouns if not noun.get("root") for title in noun["operations"]}
    if missing := sorted(known.keys() - entries):
        raise Mismatch(f"routes without an entry in doc/source/api/operations: {', '.join(missing)}")
    if surplus := sorted(entries - known.keys()):
        raise Mismatch(f"entries in doc/source/api/operations without a route: {', '.join(surplus)}")


# -- operations --------------------------------------------------------------------------------------


def _operation(entry: Document, method: str, path: str, route: Route | None, common: Document) -> Document:
    body = route.body if route else Body.IGNORED
    segments = _VARIABLE.findall(path)
    operation: Document = {
        "operationId": "_".join([method.lower(), *re.findall(r"\w+", path)]),
        "summary": entry["summary"],
    }
    if "text" in entry:
        operation["description"] = entry["text"]
    parameters = [_segment(name, common["path"]) for name in segments]
    parameters += [{"name": name, **common["parameters"][name]} for name in entry.get("takes", ())]
    if parameters:
        operation["parameters"] = parameters
    if body not in {Body.NONE, Body.IGNORED}:
        operation["requestBody"] = {"required": True, "content": _content(entry["body"])}
    operation["responses"] = _answers(entry, body, has_segments=bool(segments), is_open=route is None)
    return operation


def _segment(name: str, described: Mapping[str, Document]) -> Document:
    return {"name": name, "in": "path", "required": True, **described.get(name, {"schema": {"type": "string"}})}


def _content(body: str | Mapping[str, str]) -> Document:
    by_type = {_JSON: body} if isinstance(body, str) else body
    return {media_type: {"schema": _reference(schema)} for media_type, schema in by_type.items()}


def _answers(entry: Document, body: Body, *, has_segments: bool, is_open: bool) -> Document:
    answers = {str(status): _answer(answer) for status, answer in entry["answers"].items()}
    statuses: set[int] = set() if is_open else {400, 401, 403, 503}
    if has_segments:
        statuses.add(404)
    if body in {Body.JSON, Body.PATCH, Body.OCTETS}:
        statuses |= {413, 415}
    special = entry.get("errors", {})
    for status in sorted(statuses | special.keys()):
        usual = {"$ref": f"#/components/responses/error_{status}"}
        answers[str(status)] = _error(special[status]) if status in special else usual
    return answers


def _error(text: str) -> Document:
    return {"description": text, "content": {_JSON: {"schema": _reference("error")}}}


def _answer(answer: Document) -> Document:
    document: Document = {"description": answer["text"]}
    if "headers" in answer:
        described = {name: {"description": _HEADERS[name], "schema": {"type": "string"}} for name in answer["headers"]}
        document["headers"] = described
    if "schema" in answer:
        document["content"] = {answer.get("type", _JSON): {"schema": _reference(answer["schema"])}}
    return document


def _reference(schema: str) -> Document:
    return {"$ref": f"#/components/schemas/{schema}"}


# -- schemas -----------------------------------------------------------------------------------------


def _schemas(table: tuple[Route, ...], ours: Mapping[str, Document]) -> Document:
    served = dict(_served(table))
    for name, schema in ours.items():
        served[name] = pkgutil.resolve_name(schema["from"]) if "from" in schema else schema
    return {name: _Component(name, served).adapted(served[name]) for name in sorted(served)}


def _served(table: tuple[Route, ...]) -> Iterator[tuple[str, Document]]:
    for route in table:
        if route.path.startswith("/schemas/") and not _VARIABLE.search(route.path):
            yield route.path.removeprefix("/schemas/"), json.loads(route.controller(None, None).body)
    for name, schema in documents.SERVED.items():
        yield f"metadef_{name}", schema


class _Component:
    """A schema of draft 4 as a component: without foreign words, its references resolved from the document's root.

    :param served: all schemas by name; where one of them stands within this one, it becomes a reference.
    """

    def __init__(self, name: str, served: Mapping[str, Document]) -> None:
        self._name = name
        self._others = {other: schema for other, schema in served.items() if other != name and "properties" in schema}

    def adapted(self, schema: Document) -> Document:
        found = {word: value for word, value in copy.deepcopy(schema).items() if word not in _FOREIGN}
        if "$ref" in found:
            found["$ref"] = self._resolved(found["$ref"])
        for word in _ONE:
            if isinstance(found.get(word), dict):
                found[word] = self._nested(found[word])
        for word in _NAMED:
            if word in found:
                found[word] = {name: self._nested(value) for name, value in found[word].items()}
        for word in _LISTED:
            if word in found:
                found[word] = [self._nested(value) for value in found[word]]
        if "definitions" in found:
            found["$defs"] = found.pop("definitions")
        # Glance's own schemas leave it unsaid.
        return {"type": "object", **found} if "properties" in found else found

    def _nested(self, schema: Document) -> Document:
        same = next((name for name, other in self._others.items() if other == schema), None)
        return self.adapted(schema) if same is None else _reference(same)

    def _resolved(self, reference: str) -> str:
        if reference.startswith("#/definitions/"):
            return reference.replace("#/definitions", f"#/components/schemas/{self._name}/$defs")
        return f"#/components/schemas/{reference}"


if __name__ == "__main__":
    main()
