import uuid

import pytest

from imagesvc import exception, objects
from imagesvc.registry.db import tasks
from tests.fixtures.registry import in_transaction, make_registry
from tests.fixtures.rpc import make_context

ADMIN = make_context(roles=["admin", "member", "reader"], project_id="p0", user_id="u0")
OWNER = make_context(roles=["member", "reader"], project_id="p1")
OTHER = make_context(roles=["member", "reader"], project_id="p2")
NOBODY = make_context(roles=["member", "reader"], project_id=None)
WORK = {"import_from": "http://example.org/i", "import_from_format": "raw", "image_properties": {}}


@pytest.fixture
def registry(tmp_path):
    return make_registry(tmp_path / "state")


@pytest.fixture
def open_registry(tmp_path):
    """Everybody may use the tasks API."""
    path = tmp_path / "policy.yaml"
    path.write_text('tasks_api_access: ""\n')
    return make_registry(tmp_path / "state", oslo_policy__policy_file=str(path))


def create(registry, context=ADMIN, **more):
    task_id = str(uuid.uuid4())
    registry.api.task_create(context, task_id, "import", WORK, **more)
    return task_id


def put(registry, task_id, owner, image_id=None):
    """A task as other work of the registry makes it."""
    in_transaction(registry, tasks.create, task_id, tasks.LOCATION_IMPORT, owner, {}, image_id=image_id)


def listed(registry, context, **query):
    page = registry.api.task_list(context, objects.TaskQuery(filters=query.pop("filters", {}), **query))
    return sorted(task.id for task in page.tasks)


def test_what_nothing_runs_has_failed_at_once_and_says_so(registry):
    task_id = str(uuid.uuid4())
    made = registry.api.task_create(ADMIN, task_id, "import", WORK)
    assert made == registry.api.task_get(ADMIN, task_id)
    assert (made.id, made.type, made.status, made.owner, made.user_id) == (task_id, "import", "failure", "p0", "u0")
    assert (made.request_id, made.input, made.result) == (ADMIN.request_id, WORK, None)
    assert "does not run tasks of type import" in made.message
    assert (made.created_at, made.expires_at) == ("2027-01-15T08:00:00", "2027-01-17T08:00:00")


def test_a_task_is_gone_after_its_time(tmp_path):
    registry = make_registry(tmp_path / "state", task__task_time_to_live=0)
    task_id = str(uuid.uuid4())
    assert registry.api.task_create(ADMIN, task_id, "import", WORK).status == "failure"
    assert listed(registry, ADMIN) == []
    with pytest.raises(exception.TaskNotFound, match=task_id):
        registry.api.task_get(ADMIN, task_id)


@pytest.mark.parametrize("kind", ["export", "api_image_import", "location_import", None, ["import"]])
def test_a_type_that_nobody_may_ask_for(registry, kind):
    with pytest.raises(exception.InvalidParameter, match="type"):
        registry.api.task_create(ADMIN, str(uuid.uuid4()), kind, WORK)
    assert listed(registry, ADMIN) == []


def test_input_that_no_column_holds(registry):
    with pytest.raises(exception.InvalidParameter, match="input"):
        registry.api.task_create(ADMIN, str(uuid.uuid4()), "import", {"import_from": "ü" * 11_000})
    with pytest.raises(exception.InvalidParameter, match="input"):
        registry.caller.mutate(ADMIN, "task_create", "1.3", task_id=str(uuid.uuid4()), kind="import", work=[])


def test_an_id_that_is_no_uuid(registry):
    with pytest.raises(exception.InvalidParameter, match="id"):
        registry.api.task_create(ADMIN, "t1", "import", WORK)


def test_tasks_are_the_administrators(registry):
    task_id = create(registry)
    for call in (
        lambda: registry.api.task_create(OWNER, str(uuid.uuid4()), "import", WORK),
        lambda: registry.api.task_get(OWNER, task_id),
        lambda: listed(registry, OWNER),
    ):
        with pytest.raises(exception.Forbidden, match="tasks_api_access"):
            call()


def test_who_is_let_in_sees_what_is_his(open_registry):
    mine, foreign, nobodys = (create(open_registry, context) for context in (OWNER, OTHER, ADMIN))
    put(open_registry, "of-nobody", None)
    assert listed(open_registry, OWNER) == [mine]
    assert listed(open_registry, OWNER, filters={"owner": "p2"}) == []
    assert listed(open_registry, NOBODY) == []
    assert listed(open_registry, ADMIN) == sorted([mine, foreign, nobodys, "of-nobody"])
    assert open_registry.api.task_get(OWNER, mine).owner == "p1"
    for context, task_id in ((OWNER, foreign), (OWNER, "of-nobody"), (NOBODY, "of-nobody"), (NOBODY, mine)):
        with pytest.raises(exception.TaskNotFound):
            open_registry.api.task_get(context, task_id)
    with pytest.raises(exception.InvalidMarker):
        listed(open_registry, OWNER, marker=foreign)


def test_pages(registry):
    task_ids = sorted(create(registry) for _ in range(3))
    query = {"filters": {}, "sort_key": "id", "sort_dir": "asc", "limit": 2}
    page = registry.api.task_list(ADMIN, objects.TaskQuery(**query))
    assert ([task.id for task in page.tasks], page.next_marker) == (task_ids[:2], task_ids[1])
    assert {(task.input, task.message, task.result) for task in page.tasks} == {(None, None, None)}
    page = registry.api.task_list(ADMIN, objects.TaskQuery(**query, marker=page.next_marker))
    assert ([task.id for task in page.tasks], page.next_marker) == (task_ids[2:], None)


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ({"filters": {"input": "x"}}, "filters"),
        ({"filters": {"type": 5}}, "type"),
        ({"filters": []}, "query"),
        ({"sort_key": "message"}, "sort_key"),
        ({"sort_dir": "up"}, "sort_dir"),
        ({"sort_dir": ["asc"]}, "sort_dir"),
        ({"limit": -1}, "limit"),
        ({"limit": "5"}, "limit"),
        ({"limit": 10_001}, "limit"),
        ({"marker": 5}, "marker"),
    ],
)
def test_a_question_that_is_none(registry, query, name):
    with pytest.raises(exception.InvalidParameter) as caught:
        registry.caller.read(ADMIN, "task_list", "1.3", query={"filters": {}, **query})
    assert caught.value.kwargs["name"] == name


@pytest.mark.parametrize("task_id", ["x", "\0", "ü", "x" * 100, 5, None])
def test_what_is_no_task(registry, task_id):
    with pytest.raises(exception.TaskNotFound):
        registry.api.task_get(ADMIN, task_id)


def test_tasks_of_an_image(registry):
    image_id, other_id = registry.image(OWNER, visibility="shared"), registry.image(OWNER)
    put(registry, "t1", "p1", image_id)
    put(registry, "t2", "p0", image_id)
    put(registry, "t3", "p1", other_id)

    def of_image(context):
        return sorted(task.id for task in registry.api.image_task_list(context, image_id))

    assert of_image(OWNER) == ["t1"]
    assert of_image(ADMIN) == ["t1", "t2"]
    with pytest.raises(exception.ImageNotFound):
        of_image(OTHER)
    registry.share(image_id, "p2", "pending")
    assert of_image(OTHER) == []
    registry.api.image_delete(OWNER, image_id)
    with pytest.raises(exception.ImageNotFound):
        of_image(OWNER)
