import pytest

from imagesvc import exception, objects
from imagesvc.api.v2 import image_query


def parse(query: str) -> objects.ImageQuery:
    return image_query.parse(image_query.pairs(query), 25, 1000)


def test_nothing_asked():
    assert parse("") == objects.ImageQuery(sort=(("created_at", "desc"),), limit=25)


#: The order of what is equal, where several directions are given.
NEWEST_FIRST = [("created_at", "desc"), ("id", "desc")]


@pytest.mark.parametrize(
    ("query", "sort"),
    [
        ("sort_key=name", [("name", "desc")]),
        ("sort_key=name&sort_dir=asc", [("name", "asc")]),
        ("sort_dir=asc", [("created_at", "asc")]),
        ("sort_key=name&sort_key=size&sort_dir=asc", [("name", "asc"), ("size", "asc")]),
        ("sort_key=name&sort_key=size&sort_dir=asc&sort_dir=desc", [("name", "asc"), ("size", "desc"), *NEWEST_FIRST]),
        ("sort=name,size:asc", [("name", "desc"), ("size", "asc"), *NEWEST_FIRST]),
        ("sort=name:asc,size:asc", [("name", "asc"), ("size", "asc"), *NEWEST_FIRST]),
        ("sort=name:asc", [("name", "asc")]),
        ("sort=name:asc, created_at:desc", [("name", "asc"), ("created_at", "desc"), ("id", "desc")]),
    ],
)
def test_order(query, sort):
    assert parse(query).sort == tuple(sort)


@pytest.mark.parametrize(
    ("query", "filters"),
    [
        ("name=x", [("name", "eq", "x")]),
        ("name=", [("name", "eq", "")]),
        ("name=x&name=y", [("name", "eq", "y")]),
        ("name=a:b", [("name", "eq", "a:b")]),
        ("name=gt:b", [("name", "eq", "gt:b")]),
        ("name=eq:in:b", [("name", "eq", "in:b")]),
        ("name=in:a,b", [("name", "in", ["a", "b"])]),
        ('status=in:a,"b,c"', [("status", "in", ["a", "b,c"])]),
        ("name=in:", [("name", "in", [])]),
        ("name=in:,", [("name", "in", ["", ""])]),
        (r'name=in:a, "b\",\\",c d', [("name", "in", ["a", 'b",\\', "c d"])]),
        ("id=in:x", [("id", "in", ["x"])]),
        ("container_format=bare&disk_format=raw", [("container_format", "eq", "bare"), ("disk_format", "eq", "raw")]),
        ("tag=b&tag=a", [("tag", "eq", "b"), ("tag", "eq", "a")]),
        ("size_min=1&size_max=2", [("size", "gte", 1), ("size", "lte", 2)]),
        ("size_min=-1&min_disk_max=-5", [("size", "gte", -1), ("min_disk", "lte", -5)]),
        ("deleted=true", []),
        ("min_ram_min=1&min_disk_max=2", [("min_ram", "gte", 1), ("min_disk", "lte", 2)]),
        ("size=5&virtual_size=6", [("size", "eq", 5), ("virtual_size", "eq", 6)]),
        ("protected=True", [("protected", "eq", True)]),
        ("owner=in:a,b", [("owner", "eq", "in:a,b")]),
        (
            "checksum=x&os_hash_value=y&os_hash_algo=z",
            [(n, "eq", v) for n, v in zip(("checksum", "os_hash_value", "os_hash_algo"), "xyz", strict=True)],
        ),
        ("created_at=2026-01-02T03:04:05Z", [("created_at", "eq", "2026-01-02T03:04:05")]),
        ("updated_at=gte:2026-01-02T03:04:05", [("updated_at", "gte", "2026-01-02T03:04:05")]),
        ("updated_at=lt:2026-01-02T03:04:05%2B02:00", [("updated_at", "lt", "2026-01-02T01:04:05")]),
        ("updated_at=lt:2026-01-02T03:04:05+02:00", [("updated_at", "lt", "2026-01-02T01:04:05")]),
        ("updated_at=neq:2026-01-02", [("updated_at", "neq", "2026-01-02T00:00:00")]),
        ("updated_at=gt:2026-01-02T03:04:05.5Z", [("updated_at", "gt", "2026-01-02T03:04:05.500000")]),
        ("os_distro=fedora", [("property:os_distro", "eq", "fedora")]),
        ("hw_rng_min=5", [("property:hw_rng_min", "eq", "5")]),
        ("a:b=c", [("property:a:b", "eq", "c")]),
        ("%C3%A4=%C3%B6", [("property:ä", "eq", "ö")]),
    ],
)
def test_filters(query, filters):
    assert parse(query).filters == tuple(filters)


def test_what_is_no_filter():
    query = parse("limit=5&marker=m&visibility=all&member_status=pending&os_hidden=TRUE")
    assert query == objects.ImageQuery(
        sort=(("created_at", "desc"),),
        limit=5,
        marker="m",
        visibility="all",
        member_status="pending",
        os_hidden=True,
    )


def test_the_limit_is_capped():
    assert parse("limit=5000").limit == 1000
    assert image_query.parse([], 25, 10).limit == 10
    assert parse(f"limit={'9' * 100}").limit == 1000


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("limit=-1", "limit"),
        ("limit=x", "limit"),
        ("limit=", "limit"),
        ("limit=1.5", "limit"),
        (f"limit={'9' * 5000}", "limit"),
        ("limit=%D9%A3", "limit"),
        ("sort_key=owner", "sort_key"),
        ("sort_key=", "sort_key"),
        ("sort_dir=up", "sort_dir"),
        ("sort_key=name&sort_dir=asc&sort_dir=asc", "sort_dir"),
        ("sort_key=name&sort_key=id&sort_key=size&sort_dir=asc&sort_dir=asc", "sort_dir"),
        ("sort=name&sort_key=name", "sort"),
        ("sort=name&sort_dir=asc", "sort"),
        ("sort=", "sort_key"),
        ("sort=name:up", "sort_dir"),
        ("visibility=everybody", "visibility"),
        ("visibility=", "visibility"),
        ("member_status=maybe", "member_status"),
        ("os_hidden=yes", "os_hidden"),
        ("protected=1", "protected"),
        ("size=x", "size"),
        ("size_min=x", "size_min"),
        ("size_max=--1", "size_max"),
        ("min_ram=x", "min_ram"),
        ("created_at=yesterday", "created_at"),
        ("created_at=about:2026-01-02T03:04:05", "about"),
        ("updated_at=gte:", "updated_at"),
        ("updated_at=gte:0001-01-01T00:00:00%2B14:00", "updated_at"),
        ('name=in:"a', "name"),
        ('name=in:"a"b', "name"),
        ('name=in:a"', "name"),
        ('name=in:a"b"c', "name"),
        ("changes-since=2026-01-02", "changes-since"),
        ("name=%ff", "query"),
        ("%ff=x", "query"),
        ("name=%00", "name"),
        ("a%00b=x", "a"),
        ("&".join(["tag=x"] * 1001), "query"),
    ],
    ids=lambda value: value[:40],
)
def test_bad_queries_are_refused_by_name(query, named):
    with pytest.raises(exception.InvalidParameter) as caught:
        parse(query)
    assert named in caught.value.msg
