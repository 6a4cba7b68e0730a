import pytest

from imagesvc import objects
from imagesvc.rpc import metadefs, rpcapi
from tests.fixtures.rpc import make_context

_QUERY = objects.MetadefQuery("name", "asc", resource_types=("a",))
_SENT_QUERY = {
    "sort_key": "name",
    "sort_dir": "asc",
    "limit": None,
    "marker": None,
    "visibility": None,
    "resource_types": ["a"],
}
_VALUES = {"name": "x"}

_CASES = [
    ("metadef_namespace_list", (_QUERY,), "read", {"query": _SENT_QUERY}),
    ("metadef_namespace_get", ("N",), "read", {"namespace": "N"}),
    ("metadef_namespace_create", (_VALUES,), "mutate", {"values": _VALUES}),
    ("metadef_namespace_update", ("N", _VALUES), "mutate", {"namespace": "N", "values": _VALUES}),
    ("metadef_namespace_delete", ("N",), "mutate", {"namespace": "N"}),
    ("metadef_object_list", ("N", _QUERY), "read", {"namespace": "N", "query": _SENT_QUERY}),
    ("metadef_object_get", ("N", "o"), "read", {"namespace": "N", "name": "o"}),
    ("metadef_object_create", ("N", _VALUES), "mutate", {"namespace": "N", "values": _VALUES}),
    ("metadef_object_update", ("N", "o", _VALUES), "mutate", {"namespace": "N", "name": "o", "values": _VALUES}),
    ("metadef_object_delete", ("N", "o"), "mutate", {"namespace": "N", "name": "o"}),
    ("metadef_object_delete_all", ("N",), "mutate", {"namespace": "N"}),
    ("metadef_property_list", ("N",), "read", {"namespace": "N"}),
    ("metadef_property_get", ("N", "p", "t"), "read", {"namespace": "N", "name": "p", "resource_type": "t"}),
    ("metadef_property_create", ("N", _VALUES), "mutate", {"namespace": "N", "values": _VALUES}),
    ("metadef_property_update", ("N", "p", _VALUES), "mutate", {"namespace": "N", "name": "p", "values": _VALUES}),
    ("metadef_property_delete", ("N", "p"), "mutate", {"namespace": "N", "name": "p"}),
    ("metadef_property_delete_all", ("N",), "mutate", {"namespace": "N"}),
    ("metadef_tag_list", ("N", _QUERY), "read", {"namespace": "N", "query": _SENT_QUERY}),
    ("metadef_tag_get", ("N", "t"), "read", {"namespace": "N", "name": "t"}),
    ("metadef_tag_create", ("N", "t"), "mutate", {"namespace": "N", "name": "t"}),
    ("metadef_tag_create_all", ("N", ("t",), True), "mutate", {"namespace": "N", "names": ["t"], "append": True}),
    ("metadef_tag_update", ("N", "t", "u"), "mutate", {"namespace": "N", "name": "t", "new_name": "u"}),
    ("metadef_tag_delete", ("N", "t"), "mutate", {"namespace": "N", "name": "t"}),
    ("metadef_tag_delete_all", ("N",), "mutate", {"namespace": "N"}),
    ("metadef_resource_type_list", (), "read", {}),
    ("metadef_association_list", ("N",), "read", {"namespace": "N"}),
    ("metadef_association_create", ("N", _VALUES), "mutate", {"namespace": "N", "values": _VALUES}),
    ("metadef_association_delete", ("N", "t"), "mutate", {"namespace": "N", "name": "t"}),
]
_SILENT = ("_delete", "_delete_all", "_create_all")


class _Caller:
    """Takes the place of a caller: notes the call."""

    def __init__(self):
        self.calls = []

    def read(self, context, method, minimum, /, **arguments):
        self.calls.append(("read", method, minimum, arguments))
        return {"answer": method}

    def mutate(self, context, method, minimum, /, **arguments):
        self.calls.append(("mutate", method, minimum, arguments))
        return {"answer": method}


@pytest.mark.parametrize(("method", "arguments", "kind", "sent"), _CASES, ids=[case[0] for case in _CASES])
def test_a_method_makes_one_call(method, arguments, kind, sent):
    caller = _Caller()
    answer = getattr(rpcapi.RegistryAPI(caller), method)(make_context(), *arguments)
    assert caller.calls == [(kind, method, "1.2", sent)]
    assert answer == (None if method.endswith(_SILENT) else {"answer": method})


def test_every_method_is_tried_here():
    assert {name for name in vars(metadefs.MetadefAPI) if not name.startswith("_")} == {case[0] for case in _CASES}
