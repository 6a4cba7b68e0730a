"""The directive ``api-reference``: the OpenAPI document as text, with nothing fetched from anywhere.

It is given the document's path, relative to the directory of the sources.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.nodes import nested_parse_with_titles

Document = Mapping[str, Any]

_METHODS = ("get", "put", "post", "patch", "delete")


class ApiReference(Directive):
    """What errors mean, all operations by noun, and all schemas."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        env = self.state.document.settings.env
        path = Path(env.srcdir) / self.arguments[0]
        env.note_dependency(str(path))
        document = yaml.safe_load(path.read_text())
        lines = StringList([*_errors(document), *_operations(document), *_schemas(document)], source=str(path))
        section = nodes.section(document=self.state.document)
        nested_parse_with_titles(self.state, lines, section)
        return section.children


def setup(app: Sphinx) -> Mapping[str, Any]:
    """Sphinx's entry point."""
    app.add_directive("api-reference", ApiReference)
    return {"parallel_read_safe": True}


def _plain(text: str) -> str:
    """Text in which no character means anything to reStructuredText."""
    return re.sub(r"([*`|_\\])", r"\\\1", text)


def _operations(document: Document) -> Iterator[str]:
    for tag in document["tags"]:
        yield from _title(tag["name"], "=")
        for path, methods in document["paths"].items():
            for method in _METHODS:
                if method in methods and tag["name"] in methods[method]["tags"]:
                    yield from _operation(f"{method.upper()} {path}", methods[method])


def _operation(title: str, operation: Document) -> Iterator[str]:
    yield from _title(operation["summary"], "-")
    yield from (f"``{title}``", "")
    if "description" in operation:
        yield from (_plain(operation["description"]), "")
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        yield from (f"Body: ``{media_type}``, {_kind(content['schema'])}.", "")
    parameters = [
        (
            f"``{parameter['name']}``",
            parameter["in"],
            _values(parameter["schema"]),
            _plain(parameter.get("description", "")),
        )
        for parameter in operation.get("parameters", ())
    ]
    yield from _table(("Parameter", "in", "values", ""), parameters)
    yield from _table(("Status", "", "body", "headers"), list(_answers(operation["responses"])))


def _answers(responses: Document) -> Iterator[tuple[str, str, str, str]]:
    usual = [status for status, answer in responses.items() if "$ref" in answer]
    for status, answer in responses.items():
        if status not in usual:
            kinds = ", ".join(_kind(content["schema"]) for content in answer.get("content", {}).values())
            headers = ", ".join(f"``{name}``" for name in answer.get("headers", {}))
            yield status, _plain(answer["description"]), kinds, headers
    if usual:
        yield ", ".join(usual), "as usual", ":ref:`error <api-schema-error>`", ""


def _errors(document: Document) -> Iterator[str]:
    yield from _title("Errors", "=")
    rows = [
        (name.rpartition("_")[2], _plain(answer["description"]))
        for name, answer in document["components"]["responses"].items()
    ]
    yield from _table(("Status", "as usual means"), rows)


def _schemas(document: Document) -> Iterator[str]:
    yield from _title("Schemas of bodies", "=")
    for name, schema in document["components"]["schemas"].items():
        yield from (f".. _{_label(name)}:", "")
        yield from _title(name, "-")
        if "description" in schema:
            yield from (_plain(schema["description"]), "")
        fields = schema.get("items", schema).get("properties", {})
        rows = [
            (f"``{field}``", _values(values), _plain(values.get("description", ""))) for field, values in fields.items()
        ]
        if isinstance(schema.get("additionalProperties"), dict):
            rows.append(("any other name", _values(schema["additionalProperties"]), ""))
        yield from _table(("Field", "values", ""), rows)


def _label(name: str) -> str:
    return f"api-schema-{name}"


def _kind(schema: Document) -> str:
    name = schema["$ref"].rpartition("/")[2]
    return f":ref:`{name} <{_label(name)}>`"


def _values(schema: Document) -> str:
    """What a value can be, in few words."""
    if "$ref" in schema:
        named = schema["$ref"].rpartition("components/schemas/")[2]
        return "see above" if "/" in named else _kind(schema)
    if "const" in schema:
        return f"``{schema['const']}``"
    if "enum" in schema:
        return ", ".join("null" if value is None else f"``{value}``" for value in schema["enum"])
    types = schema.get("type", "any")
    said = " or ".join(types) if isinstance(types, list) else types
    if "items" in schema:
        said += f" of {_values(schema['items'])}"
    bounds = {"minLength": "at least {} characters", "maxLength": "at most {} characters", "minimum": "not below {}"}
    said = ", ".join([said, *(text.format(schema[word]) for word, text in bounds.items() if word in schema)])
    return f"{said}; read only" if schema.get("readOnly") else said


def _title(text: str, line: str) -> Iterator[str]:
    yield from (text, line * len(text), "")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    if not rows:
        return
    yield from (".. list-table::", "   :header-rows: 1", "")
    for row in (head, *rows):
        for number, cell in enumerate(row):
            yield f"   {'* -' if number == 0 else '  -'} {' '.join(cell.split())}"
    yield ""
