import itertools

import pytest

from imagesvc import exception
from imagesvc.registry.db import tasks
from tests.fixtures.registry import in_transaction, make_registry

HOUR = 3600


@pytest.fixture
def registry(tmp_path):
    return make_registry(tmp_path / "state")


def create(registry, task_id="t1", kind=tasks.IMPORT, owner="p1", **more):
    return in_transaction(registry, tasks.create, task_id, kind, owner, {"a": ["ü"]}, **more)


def get(registry, task_id="t1"):
    return in_transaction(registry, tasks.get, task_id)


def page(registry, wanted=(), *, whose=None, sort=("created_at", False), limit=10, marker=None):
    found, more = in_transaction(registry, tasks.page, whose, dict(wanted), sort, limit, marker)
    return [task["id"] for task in found], more


def test_a_new_task_is_read_as_it_was_made(registry):
    made = create(registry, image_id="i1", request_id="req-1", user_id="u1")
    assert made == get(registry)
    assert (made["status"], made["owner"], made["input"], made["result"], made["message"]) == (
        "pending",
        "p1",
        {"a": ["ü"]},
        None,
        "",
    )
    assert (made["image_id"], made["request_id"], made["user_id"], made["expires_at"]) == ("i1", "req-1", "u1", None)


def test_an_id_is_taken_once(registry):
    create(registry)
    with pytest.raises(exception.Conflict, match="t1"):
        create(registry)


def test_a_task_of_nobody(registry):
    assert create(registry, owner=None)["owner"] == "admin"


@pytest.mark.parametrize("task_id", ["t2", "x" * 37, "\0", "ü", ""])
def test_what_is_no_task_is_not_found(registry, task_id):
    create(registry)
    assert get(registry, task_id) is None


@pytest.mark.parametrize("outcome", [tasks.SUCCESS, tasks.FAILURE])
def test_the_way_of_a_task(registry, outcome):
    create(registry)
    assert in_transaction(registry, tasks.start, "t1")
    assert get(registry)["status"] == "processing"
    assert not in_transaction(registry, tasks.start, "t1")
    registry.clock.sleep(60)
    result = {"image_id": "i1"}
    assert in_transaction(registry, tasks.finish, "t1", outcome, keep_hours=48, message="Made.", result=result)
    ended = get(registry)
    assert (ended["status"], ended["message"], ended["result"]) == (outcome, "Made.", result)
    assert ended["updated_at"] != ended["created_at"]
    for again in (tasks.SUCCESS, tasks.FAILURE):
        assert not in_transaction(registry, tasks.finish, "t1", again, keep_hours=48, message="No.")
    assert not in_transaction(registry, tasks.start, "t1")
    assert get(registry) == ended


def test_what_was_never_begun_can_fail_and_not_succeed(registry):
    create(registry)
    assert not in_transaction(registry, tasks.finish, "t1", tasks.SUCCESS, keep_hours=48)
    assert in_transaction(registry, tasks.finish, "t1", tasks.FAILURE, keep_hours=48)
    assert get(registry)["status"] == "failure"


def test_a_message_that_cannot_be_stored_as_it_is_ends_the_task_all_the_same(registry):
    create(registry)
    message = "é\0" + "\U0001f600" * 20_000
    assert in_transaction(registry, tasks.finish, "t1", tasks.FAILURE, keep_hours=1, message=message)
    stored = get(registry)["message"]
    assert stored.startswith("é")
    assert "\0" not in stored
    assert 16_000 < len(stored) < 20_000


def test_a_task_expires(registry):
    create(registry, image_id="i1")
    create(registry, "t2")
    in_transaction(registry, tasks.finish, "t1", tasks.FAILURE, keep_hours=2)
    registry.clock.sleep(2 * HOUR - 1)
    assert get(registry)
    assert in_transaction(registry, tasks.expire, 10) == 0
    registry.clock.sleep(1)
    assert get(registry) is None
    assert in_transaction(registry, tasks.get, "t1", expired=True)["status"] == "failure"
    assert page(registry) == (["t2"], None)
    assert in_transaction(registry, tasks.of_image, "i1") == []
    assert in_transaction(registry, tasks.expire, 10) == 1
    assert in_transaction(registry, tasks.expire, 10) == 0
    assert registry.rows("SELECT id, deleted_at IS NULL FROM tasks WHERE deleted = true") == [("t1", False)]
    registry.clock.sleep(1000 * HOUR)
    assert get(registry, "t2")


def test_tasks_of_an_image(registry):
    create(registry, "t1", image_id="i1")
    registry.clock.sleep(1)
    create(registry, "t2", owner="p2", image_id="i1")
    create(registry, "t3", image_id="i2")
    found = in_transaction(registry, tasks.of_image, "i1")
    assert [task["id"] for task in found] == ["t2", "t1"]
    assert found[0]["input"] == {"a": ["ü"]}
    assert [task["id"] for task in in_transaction(registry, tasks.of_image, "i1", "p1")] == ["t1"]


def test_pages_hold_every_task_once_in_any_order(registry):
    for number in range(7):
        kind = tasks.API_IMAGE_IMPORT if number % 2 else tasks.IMPORT
        create(registry, f"t{number}", kind, f"p{number % 3}", image_id=f"i{number % 2}" if number > 3 else None)
        if number in {2, 5, 6}:
            in_transaction(registry, tasks.finish, f"t{number}", tasks.FAILURE, keep_hours=number)
        registry.clock.sleep(number % 2)
    everything = sorted(f"t{number}" for number in range(7))
    for key, ascending in itertools.product(tasks.SORT_KEYS, (True, False)):
        whole, _ = page(registry, sort=(key, ascending))
        assert sorted(whole) == everything
        walked, marker = [], None
        while True:
            found, marker = page(registry, sort=(key, ascending), limit=2, marker=marker)
            walked += found
            if marker is None:
                break
        assert walked == whole, (key, ascending)


def test_tasks_are_chosen_by_owner_type_and_status(registry):
    create(registry, "t1", tasks.IMPORT, "p1")
    create(registry, "t2", tasks.LOCATION_IMPORT, "p1")
    create(registry, "t3", tasks.IMPORT, "p2")
    in_transaction(registry, tasks.start, "t3")
    assert page(registry, {"owner": "p1"}, sort=("id", True)) == (["t1", "t2"], None)
    assert page(registry, {"type": "import"}, sort=("id", True)) == (["t1", "t3"], None)
    assert page(registry, {"status": "processing"}) == (["t3"], None)
    assert page(registry, whose="p2") == (["t3"], None)
    assert page(registry, {"owner": "p1"}, whose="p2") == ([], None)
    assert page(registry, limit=0) == ([], None)


@pytest.mark.parametrize("marker", ["t2", "unknown", "\0", "x" * 40])
def test_a_marker_that_is_not_listed(registry, marker):
    create(registry, "t1", owner="p1")
    create(registry, "t2", owner="p2")
    with pytest.raises(exception.InvalidMarker):
        page(registry, whose="p1", marker=marker)


def test_rows_of_older_releases_are_taken_as_they_are(registry):
    registry.put(
        "INSERT INTO tasks (id, type, status, owner, created_at, deleted) "
        "VALUES ('t1', 'import', 'success', 'p1', '2022-04-01', false), ('t2', 'import', 'pending', 'p1', '2022-04-02', false)"
    )
    registry.put("INSERT INTO task_info (task_id, input, result) VALUES ('t1', '{\"a\": 1}', 'null')")
    whole = get(registry)
    assert (whole["input"], whole["result"], whole["message"]) == ({"a": 1}, None, None)
    assert whole["updated_at"] == whole["created_at"] == "2022-04-01T00:00:00"
    assert get(registry, "t2")["input"] is None
