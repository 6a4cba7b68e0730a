import pytest

from imagesvc import exception
from imagesvc.registry.db import ordering


@pytest.mark.parametrize(
    ("wanted", "order"),
    [
        ([], (("created_at", False), ("id", False))),
        ([("name", "asc")], (("name", True), ("created_at", True), ("id", True))),
        ([("id", "asc"), ("name", "asc")], (("id", True),)),
        ([("name", "asc"), ("name", "desc")], (("name", True), ("created_at", True), ("id", True))),
        ([("name", "asc"), ("size", "desc")], (("name", True), ("size", False), ("created_at", False), ("id", False))),
    ],
)
def test_orders_are_total(wanted, order):
    assert ordering.checked(wanted) == order


@pytest.mark.parametrize(("wanted", "name"), [(("colour", "asc"), "sort_key"), (("name", "up"), "sort_dir")])
def test_bad_orders_are_named(wanted, name):
    with pytest.raises(exception.InvalidParameter) as caught:
        ordering.checked([wanted])
    assert caught.value.kwargs["name"] == name


@pytest.mark.parametrize(
    ("sort", "marker", "dialect", "count"),
    [
        ([], None, "sqlite", 1),
        ([], (False, False), "sqlite", 1),
        ([], (False, False), "postgresql", 2),
        ([("name", "asc")], (False, False, False), "postgresql", 2),
        ([("name", "desc")], (False, False, False), "postgresql", 3),
        ([("name", "desc")], (False, False, False), "sqlite", 2),
        ([("name", "desc")], (True, False, False), "postgresql", 1),
        ([("name", "asc")], (True, False, False), "postgresql", 2),
        ([("name", "desc")], (False, False, False), "mysql", 1),
        ([("name", "asc"), ("size", "desc")], (False,) * 4, "postgresql", 1),
    ],
)
def test_each_range_of_an_index_is_a_segment(sort, marker, dialect, count):
    assert len(ordering.segments(ordering.checked(sort), marker, dialect)) == count
