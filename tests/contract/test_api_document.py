"""The OpenAPI document describes the service: every route and no other, in words that tools understand."""

import re
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from imagesvc.api.v2.router import Route

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
import openapi

HOW = "run: .venv/bin/python tools/openapi.py --write"


@pytest.fixture(scope="module")
def document():
    return yaml.safe_load(openapi.TARGET.read_text())


def nothing(): ...


def operations(document):
    return [operation for methods in document["paths"].values() for operation in methods.values()]


def references(part):
    """All ``$ref`` below a part of the document."""
    if isinstance(part, dict):
        yield from [part["$ref"]] if isinstance(part.get("$ref"), str) else []
        part = part.values()
    if not isinstance(part, str) and hasattr(part, "__iter__"):
        for item in part:
            yield from references(item)


def test_it_is_what_the_code_and_the_entries_make(document):
    assert document == openapi.build(openapi.routes()), HOW


def test_a_route_without_an_entry_is_refused():
    with pytest.raises(openapi.Mismatch, match=r"without an entry .*: BREW /coffee$"):
        openapi.build((*openapi.routes(), Route("BREW", "/coffee", nothing)))


def test_an_entry_without_a_route_is_refused():
    with pytest.raises(openapi.Mismatch, match=r"without a route: GET /images$"):
        openapi.build(tuple(route for route in openapi.routes() if (route.method, route.path) != ("GET", "/images")))


def test_every_reference_leads_somewhere(document):
    found = set(references(document))
    assert found
    for reference in found:
        place = document
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]
        assert place


def test_schemas_are_schemas_and_those_of_parameters_too(document):
    schemas = list(document["components"]["schemas"].values())
    schemas += [
        parameter["schema"] for operation in operations(document) for parameter in operation.get("parameters", ())
    ]
    for schema in schemas:
        jsonschema.Draft202012Validator.check_schema(schema)


def test_operations_are_complete(document):
    ids = [operation["operationId"] for operation in operations(document)]
    assert len(ids) == len(set(ids))
    tags = {tag["name"] for tag in document["tags"]}
    for path, methods in document["paths"].items():
        for operation in methods.values():
            named = {parameter["name"] for parameter in operation.get("parameters", ()) if parameter["in"] == "path"}
            assert named == set(re.findall(r"\{(\w+)\}", path))
            assert set(operation["tags"]) <= tags
            assert any(status < "400" for status in operation["responses"])
            assert all(
                "description" in answer or answer["$ref"].startswith("#/components/responses/")
                for answer in operation["responses"].values()
            )
