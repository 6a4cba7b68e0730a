import inspect

import pytest

from imagesvc import objects, rpc
from imagesvc.rpc import rpcapi
from tests.fixtures.rpc import make_context

_IMAGE = objects.Image(id="i", name="n", tags=("a",), properties={"p": "v"}, locations=(objects.Location("file:///x"),))


class _Caller:
    """Takes the place of a caller: notes the call and returns what it was told."""

    def __init__(self, result):
        self.result = result
        self.calls = []

    def read(self, context, method, minimum, /, **arguments):
        self.calls.append(("read", method, minimum, arguments))
        return self.result

    def mutate(self, context, method, minimum, /, **arguments):
        self.calls.append(("mutate", method, minimum, arguments))
        return self.result


_BLOB = objects.StoredBlob("file:///x", 3, "md5", "sha")
_GRANT = objects.UploadGrant("u", _IMAGE, 5, 30.0)
_ITEM = objects.CleanupItem("upload", "r", "i", upload_id="u")

_MEMBER = objects.Member("i", "p2", "pending", "2026-01-01T00:00:00", "2026-01-01T00:00:00")
_TASK = objects.Task("t", "import", "pending", "p1", "2026-01-01T00:00:00", "2026-01-01T00:00:00", input={"a": [1]})

#: The minor a method came with, where it was not there from the beginning.
_SINCE = {
    "image_deactivate": "1.1",
    "image_reactivate": "1.1",
    "tag_add": "1.1",
    "tag_delete": "1.1",
    "member_add": "1.1",
    "member_get": "1.1",
    "member_list": "1.1",
    "member_update": "1.1",
    "member_delete": "1.1",
    "task_create": "1.3",
    "task_get": "1.3",
    "task_list": "1.3",
    "image_task_list": "1.3",
    "usage_get": "1.3",
}

_CASES = [
    ("image_get", ("i",), "read", {"image_id": "i"}, _IMAGE),
    ("image_get_for_download", ("i",), "read", {"image_id": "i"}, _IMAGE),
    (
        "image_list",
        (objects.ImageQuery(filters=(("name", "eq", "n"),), sort=(("id", "asc"),)),),
        "read",
        {
            "query": {
                "filters": [["name", "eq", "n"]],
                "sort": [["id", "asc"]],
                "limit": 25,
                "marker": None,
                "visibility": None,
                "member_status": "accepted",
                "os_hidden": False,
            }
        },
        objects.ImagePage((_IMAGE,), "m"),
    ),
    ("image_create", ({"id": "i", "tags": ["a"]},), "mutate", {"image": {"id": "i", "tags": ["a"]}}, _IMAGE),
    (
        "image_patch",
        ("i", [{"op": "add", "path": ["p"], "value": "v", "strict": False}]),
        "mutate",
        {"image_id": "i", "changes": [{"op": "add", "path": ["p"], "value": "v", "strict": False}]},
        _IMAGE,
    ),
    ("image_delete", ("i",), "mutate", {"image_id": "i"}, None),
    ("image_deactivate", ("i",), "mutate", {"image_id": "i"}, None),
    ("image_reactivate", ("i",), "mutate", {"image_id": "i"}, None),
    ("tag_add", ("i", "t"), "mutate", {"image_id": "i", "tag": "t"}, None),
    ("tag_delete", ("i", "t"), "mutate", {"image_id": "i", "tag": "t"}, None),
    ("member_add", ("i", "p2"), "mutate", {"image_id": "i", "member": "p2"}, _MEMBER),
    ("member_get", ("i", "p2"), "read", {"image_id": "i", "member": "p2"}, _MEMBER),
    ("member_list", ("i",), "read", {"image_id": "i"}, [_MEMBER]),
    (
        "member_update",
        ("i", "p2", "accepted"),
        "mutate",
        {"image_id": "i", "member": "p2", "status": "accepted"},
        _MEMBER,
    ),
    ("member_delete", ("i", "p2"), "mutate", {"image_id": "i", "member": "p2"}, None),
    (
        "task_create",
        ("t", "import", {"a": [1]}),
        "mutate",
        {"task_id": "t", "kind": "import", "work": {"a": [1]}},
        _TASK,
    ),
    ("task_get", ("t",), "read", {"task_id": "t"}, _TASK),
    (
        "task_list",
        (objects.TaskQuery({"type": "import"}),),
        "read",
        {
            "query": {
                "filters": {"type": "import"},
                "sort_key": "created_at",
                "sort_dir": "desc",
                "limit": 25,
                "marker": None,
            }
        },
        objects.TaskPage((_TASK,), "t"),
    ),
    ("usage_get", (), "read", {}, {"image_count_total": {"usage": 1, "limit": 5}}),
    ("image_task_list", ("i",), "read", {"image_id": "i"}, [_TASK]),
    (
        "upload_begin",
        ("i", "u", "file", 5, "h", "w"),
        "mutate",
        {"image_id": "i", "upload_id": "u", "store": "file", "size": 5, "host": "h", "worker": "w"},
        _GRANT,
    ),
    ("upload_renew", ("u", 7), "mutate", {"upload_id": "u", "received": 7}, None),
    (
        "upload_complete",
        ("u", _BLOB, "sha512", None),
        "mutate",
        {"upload_id": "u", "blob": _BLOB.to_primitive(), "os_hash_algo": "sha512", "virtual_size": None},
        _IMAGE,
    ),
    ("upload_abort", ("u",), "mutate", {"upload_id": "u"}, None),
    ("uploads_abort_worker", ("w",), "mutate", {"worker": "w"}, 3),
    ("cleanup_claim", ("h", ["a"]), "mutate", {"host": "h", "stores": ["a"], "limit": 100}, [_ITEM]),
    ("cleanup_done", ([_ITEM],), "mutate", {"items": [{"kind": "upload", "ref": "r"}]}, None),
    ("blobs_unknown", ([{"upload_id": "u"}],), "read", {"blobs": [{"upload_id": "u"}]}, [{"upload_id": "u"}]),
    ("ping", (), "read", {}, {"version": "1.0", "database": "ok"}),
]


def _lower(value):
    if isinstance(value, list):
        return [_lower(item) for item in value]
    return value.to_primitive() if hasattr(value, "to_primitive") else value


@pytest.mark.parametrize(("method", "arguments", "kind", "sent", "result"), _CASES, ids=[case[0] for case in _CASES])
def test_a_method_makes_one_call_and_lifts_its_result(method, arguments, kind, sent, result):
    caller = _Caller(_lower(result))
    assert getattr(rpcapi.RegistryAPI(caller), method)(make_context(), *arguments) == result
    assert caller.calls == [(kind, method, _SINCE.get(method, "1.0"), sent)]


def test_every_method_is_tried_here():
    names = {name for name in vars(rpcapi.RegistryAPI) if not name.startswith("_")}
    assert names == {case[0] for case in _CASES}


def test_the_version_history_ends_with_the_version():
    history = [line.split()[1] for line in inspect.getdoc(rpc).splitlines() if line.startswith("* ")]
    assert history[-1] == rpc.VERSION
    assert history == sorted(history, key=lambda version: [int(part) for part in version.split(".")])
