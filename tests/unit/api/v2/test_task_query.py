import pytest

from imagesvc import exception, objects
from imagesvc.api.v2 import task_query


def parse(*given):
    return task_query.parse(given, 25, 1000)


def test_nothing_asked_for():
    assert parse() == objects.TaskQuery({}, "created_at", "desc", 25, None)


def test_everything_asked_for():
    given = "type=location_import status=pending owner=p id=t image_id=i request_id=r user_id=u foo=bar status=failure"
    order = "sort_key=owner sort_dir=asc limit=5000 marker=m"
    wanted = parse(*[tuple(word.split("=")) for word in f"{given} {order}".split()])
    filters = {
        "type": "location_import",
        "status": "failure",
        "id": "t",
        "owner": "p",
        "image_id": "i",
        "request_id": "r",
        "user_id": "u",
    }
    assert wanted == objects.TaskQuery(filters, "owner", "asc", 1000, "m")


@pytest.mark.parametrize(
    "given", [("type", ""), ("status", "SUCCESS"), ("sort_key", ""), ("sort_dir", "ascending"), ("limit", "")]
)
def test_what_cannot_be_asked_for(given):
    with pytest.raises(exception.InvalidParameter) as caught:
        parse(given)
    assert caught.value.kwargs["name"] == given[0]
