import jsonschema
import pytest

from imagesvc import exception, objects
from imagesvc.api.v2 import task_schema, views

TIME = "2026-01-01T00:00:00"
INPUT = {"import_from": "http://example.org/i", "import_from_format": "raw", "image_properties": {}}


def test_what_is_shown_is_what_the_schema_says():
    task = objects.Task(
        "11111111-1111-4111-8111-111111111111", "import", "failure", "p1", TIME, TIME, "i", "r", "u", TIME
    )
    shown = views.task(task)
    jsonschema.Draft4Validator(task_schema.TASK).validate(shown)
    assert shown.keys() == task_schema.TASK["properties"].keys()
    page = views.tasks(objects.TaskPage((task,)), [])
    jsonschema.Draft4Validator(task_schema.TASKS).validate(page)
    listed = task_schema.TASKS["properties"]["tasks"]["items"]["properties"]
    assert page["tasks"][0].keys() == listed.keys() - {"image_id", "request_id", "user_id"}


def test_what_a_request_brings():
    given = {"type": "import", "input": {**INPUT, "more": 1}, "status": "success", "owner": "somebody"}
    assert task_schema.new_task(given) == ("import", given["input"])
    # What only the service asks for is judged by the registry.
    assert task_schema.new_task({"type": "location_import", "input": {}}) == ("location_import", {})


@pytest.mark.parametrize("body", ["x", None, [], {"type": "import", "input": 5}, {"type": "x", "input": {}}])
def test_what_is_none(body):
    with pytest.raises(exception.InvalidParameter):
        task_schema.new_task(body)
