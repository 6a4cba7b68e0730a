import pytest

from imagesvc import exception, objects
from imagesvc.api.v2.metadefs import query


def _namespaces(**given):
    return query.namespaces(list(given.items()), 25, 1000)


def _items(**given):
    return query.items(list(given.items()), 1000, "name", "asc")


def test_defaults():
    assert _namespaces() == objects.MetadefQuery("created_at", "desc", limit=25)
    assert _items() == objects.MetadefQuery("name", "asc")


def test_everything_there_is_to_ask():
    wanted = {"sort_key": "owner", "sort_dir": "asc", "limit": "7", "marker": "N", "visibility": "public"}
    asked = _namespaces(**wanted, resource_types="a,b", anything="else")
    assert asked == objects.MetadefQuery("owner", "asc", 7, "N", "public", ("a", "b"))
    assert _items(sort_key="id", sort_dir="desc", limit="7", marker="o") == objects.MetadefQuery("id", "desc", 7, "o")


def test_limits_have_a_limit():
    assert _namespaces(limit="5000").limit == _namespaces(limit="9" * 50).limit == 1000
    assert _items(limit="5000").limit == 1000
    assert _namespaces(limit="0").limit == 0


@pytest.mark.parametrize(
    ("ask", "name", "value"),
    [
        (_namespaces, "limit", "x"),
        (_namespaces, "limit", "-1"),
        (_namespaces, "limit", ""),
        (_items, "limit", "0"),
        (_items, "limit", "³"),
        (_namespaces, "visibility", "shared"),
        (_namespaces, "sort_key", "id,owner"),
        (_namespaces, "sort_dir", "up"),
        (_items, "sort_key", "owner"),
        (_items, "sort_dir", ""),
    ],
)
def test_bad_values_are_refused_by_name(ask, name, value):
    with pytest.raises(exception.InvalidParameter) as caught:
        ask(**{name: value})
    assert caught.value.kwargs["name"] == name
