"""The JSON Schemas of members, and what a request about one must bring."""

from typing import Any

from imagesvc import exception
from imagesvc.api.v2.image_schema import UUID_PATTERN

STATUSES = ("pending", "accepted", "rejected")
_LONGEST = 255

MEMBER: dict[str, Any] = {
    "name": "member",
    "properties": {
        "member_id": {"type": "string", "description": "Project that the image is shared with."},
        "image_id": {"type": "string", "description": "Identifier of the image.", "pattern": UUID_PATTERN},
        "created_at": {"type": "string", "description": "When the project was invited."},
        "updated_at": {"type": "string", "description": "When the membership was last changed."},
        "status": {"type": "string", "description": "The project's answer.", "enum": list(STATUSES)},
        "schema": {"type": "string", "readOnly": True},
    },
}

MEMBERS: dict[str, Any] = {
    "name": "members",
    "properties": {"members": {"type": "array", "items": MEMBER}, "schema": {"type": "string"}},
    "links": [{"rel": "describedby", "href": "{schema}"}],
}


def project_in(document: Any) -> str:
    """The project that a request invites.

    :raises InvalidParameter: it names none.
    """
    member = _field(document, "member")
    if not member or len(member) > _LONGEST:
        raise exception.InvalidParameter(name="member", reason=f"it must have between 1 and {_LONGEST} characters")
    return member


def status_in(document: Any) -> str:
    """The answer that a request gives.

    :raises InvalidParameter: it gives none.
    """
    status = _field(document, "status")
    if status not in STATUSES:
        raise exception.InvalidParameter(name="status", reason=f"it must be one of {', '.join(STATUSES)}")
    return status


def _field(document: Any, name: str) -> str:
    value = document.get(name) if isinstance(document, dict) else None
    if not isinstance(value, str):
        raise exception.InvalidParameter(name=name, reason="a JSON object that has it as a string is needed")
    return value
