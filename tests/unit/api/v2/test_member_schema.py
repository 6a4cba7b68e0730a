import jsonschema
import pytest

from imagesvc import exception, objects
from imagesvc.api.v2 import member_schema, views


def test_what_is_shown_is_what_the_schema_says():
    time = "2026-01-01T00:00:00"
    shown = views.member(objects.Member("11111111-1111-4111-8111-111111111111", "p2", "pending", time, time))
    jsonschema.Draft4Validator(member_schema.MEMBER).validate(shown)
    assert shown.keys() == member_schema.MEMBER["properties"].keys()
    page = {"members": [shown], "schema": "/v2/schemas/members"}
    jsonschema.Draft4Validator(member_schema.MEMBERS).validate(page)


def test_what_a_request_brings():
    assert member_schema.project_in({"member": "m" * 255, "more": 1}) == "m" * 255
    assert [member_schema.status_in({"status": status}) for status in member_schema.STATUSES]
    with pytest.raises(exception.InvalidParameter):
        member_schema.project_in({"member": "m" * 256})
    with pytest.raises(exception.InvalidParameter):
        member_schema.status_in({"status": "Accepted"})
