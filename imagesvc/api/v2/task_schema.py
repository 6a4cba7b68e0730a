"""The JSON Schemas of tasks, and what a request for a new one must bring."""

from typing import Any

import jsonschema

from imagesvc import exception
from imagesvc.api.v2 import violations
from imagesvc.api.v2.image_schema import UUID_PATTERN

Schema = dict[str, Any]

TYPES = ("import", "api_image_import", "location_import")
STATUSES = ("pending", "processing", "success", "failure")


def _text(description: str, **more: Any) -> Schema:
    return {"type": "string", "description": description, **more}


#: What a list tells of a task; one alone has its content besides.
_SUMMARY: Schema = {
    "id": _text("Identifier of the task.", pattern=UUID_PATTERN),
    "type": _text("What kind of work the task is.", enum=list(TYPES)),
    "status": _text("How far the work is.", enum=list(STATUSES)),
    "owner": _text("Project that the task belongs to."),
    "image_id": _text("Image that the work is about."),
    "request_id": _text("Identifier of the request that asked for the work."),
    "user_id": _text("User who asked for the work."),
    "expires_at": {"type": ["null", "string"], "description": "When the task will be gone."},
    "created_at": _text("When the task was created."),
    "updated_at": _text("When the task was last changed."),
    "self": {"type": "string", "readOnly": True},
    "schema": {"type": "string", "readOnly": True},
}
_CONTENT: Schema = {
    "input": {"type": ["null", "object"], "description": "What the work needs to know."},
    "result": {"type": ["null", "object"], "description": "What came of the work."},
    "message": _text("What there is to say about the work, above all why it failed."),
}

TASK: Schema = {"name": "task", "properties": {**_SUMMARY, **_CONTENT}}
TASKS: Schema = {
    "name": "tasks",
    "properties": {
        "tasks": {"type": "array", "items": {"name": "task", "properties": _SUMMARY}},
        "schema": {"type": "string"},
    },
    "links": [{"rel": "describedby", "href": "{schema}"}],
}

_VALIDATOR = jsonschema.Draft4Validator({**TASK, "additionalProperties": False})
_REQUIRED = ("type", "input")
#: What an import needs to know, and of which kind it is.
_IMPORT: dict[str, type] = {"import_from": str, "import_from_format": str, "image_properties": dict}


def new_task(document: Any) -> tuple[str, dict[str, Any]]:
    """(type, input) of the task that a request wants.

    :raises InvalidParameter: naming the field that is wrong, missing or unknown.
    """
    given = document if isinstance(document, dict) else {}
    for name in _REQUIRED:
        if given.get(name) is None:
            raise exception.InvalidParameter(name=name, reason="a JSON object that has it is needed")
    error = violations.worst(_VALIDATOR, given)
    if error is not None:
        place = ".".join(str(part) for part in error.absolute_path)
        raise exception.InvalidParameter(name=place or "task", reason=violations.reason(error))
    if given["type"] == "import":
        _check_import(given["input"])
    return given["type"], given["input"]


def _check_import(work: dict[str, Any]) -> None:
    for name, kind in _IMPORT.items():
        value = work.get(name)
        if not isinstance(value, kind) or not (value or kind is dict):
            wanted = "an object" if kind is dict else "text that is not empty"
            raise exception.InvalidParameter(name=f"input.{name}", reason=f"{wanted} is needed")
