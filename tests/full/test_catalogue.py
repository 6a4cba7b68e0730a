"""What requests cost in a catalogue of 100,000 images: as many rows looked at, and as many queries, as in a small one."""

import pytest

from imagesvc import objects
from imagesvc.registry.db import cleanup, filters, migration, uploads
from imagesvc.registry.db.models import SORT_KEYS
from tests.fixtures import catalogue, database
from tests.fixtures.registry import in_transaction, on_database
from tests.fixtures.rpc import make_context
from tests.integration.conftest import mariadb, on_server, postgresql, server  # noqa: F401 - fixtures

IMAGES = 100_000
PAGE = 20

ADMIN = make_context(roles=["admin"], project_id="p0")
MEMBER = make_context(roles=["member", "reader"], project_id="p1")

#: Rows that may be looked at for a page of one kind of images: the page in an index, the images themselves, a few not shown.
FOR_A_PAGE = 16 * PAGE
#: The same where a page is put together of one's own, shared and public images.
FOR_A_MIXED_PAGE = 1000
#: Where at most 1,000 images are looked at for each kind, or looked for.
FOR_FEW = 4 * filters.FEW
#: Images of one project and a few more.
FOR_A_PROJECT = 4 * IMAGES // catalogue.PROJECTS


@pytest.fixture(scope="module")
def registry(on_server, tmp_path_factory):  # noqa: F811
    """The database is Glance's and full when it is adopted."""
    conf = database.make_at(tmp_path_factory.mktemp("catalogue"), "2024_1_contract01")
    with database.changing(conf) as connection:
        catalogue.fill(connection, IMAGES)
    database.run(conf, migration.sync)
    registry = on_database(conf)
    registry.database.check_schema()
    with _connected(registry) as connection:
        catalogue.gather_statistics(connection)
    yield registry
    registry.database.dispose()
    on_server.drop(conf.database.connection.rpartition("/")[2])


def _connected(registry):
    return catalogue.engine_of(registry.database).execution_options(isolation_level="AUTOCOMMIT").connect()


def _costs(registry, ask):
    """(the answer, queries with the rows that were looked at for each)."""
    with catalogue.queries_of(catalogue.engine_of(registry.database)) as queries:
        answer = ask()
    with _connected(registry) as connection:
        return answer, [(catalogue.rows_looked_at(connection, query), query) for query in queries]


def _check(registry, ask, limit, count=None):
    """Ask; the answer, if no query looked at more than ``limit`` rows and there were ``count`` queries."""
    answer, costs = _costs(registry, ask)
    for rows, query in costs:
        if rows > limit:
            with _connected(registry) as connection:
                plan = catalogue.plan_of(connection, query)
            pytest.fail(f"{rows} rows looked at, more than {limit}, for {query.statement}\n{plan}")
    assert count is None or len(costs) == count
    return answer


def _list(registry, context, **query):
    return lambda: registry.api.image_list(context, objects.ImageQuery(limit=PAGE, **query)).images


ORDERS = [((key, direction),) for key in SORT_KEYS for direction in ("asc", "desc")]


@pytest.mark.parametrize("sort", [(), *ORDERS], ids=str)
def test_the_first_page(registry, sort):
    assert len(_check(registry, _list(registry, ADMIN, sort=sort), FOR_A_PAGE, 2)) == PAGE
    assert len(_check(registry, _list(registry, ADMIN, sort=sort, visibility="all"), FOR_A_PAGE, 2)) == PAGE
    assert len(_check(registry, _list(registry, MEMBER, sort=sort), FOR_A_MIXED_PAGE, 2)) == PAGE
    assert len(_check(registry, _list(registry, MEMBER, sort=sort, visibility="all"), FOR_A_MIXED_PAGE, 2)) == PAGE


@pytest.mark.parametrize("sort", ORDERS, ids=str)
@pytest.mark.parametrize("place", [0.001, 0.2, 0.5, 0.9, 0.999])
def test_a_page_in_the_middle_and_the_last(registry, sort, place):
    marker = _image_at(registry, *sort[0], place)
    query = {"sort": sort, "marker": marker, "visibility": "all"}
    assert len(_check(registry, _list(registry, ADMIN, **query), FOR_A_PAGE, 3)) == PAGE


@pytest.mark.parametrize("sort", ORDERS, ids=str)
def test_a_page_in_the_middle_of_what_a_member_sees(registry, sort):
    marker = _image_at(registry, *sort[0], 0.5, "AND visibility = 'public'")
    assert _check(registry, _list(registry, MEMBER, sort=sort, marker=marker), FOR_A_MIXED_PAGE, 3)


def _image_at(registry, key, direction, place, condition=""):
    """Id of the image at a part of the whole list."""
    is_postgresql = catalogue.engine_of(registry.database).dialect.name == "postgresql"
    nulls = {"asc": "NULLS FIRST", "desc": "NULLS LAST"}[direction] if is_postgresql else ""
    ((total,),) = registry.rows(f"SELECT count(*) FROM images WHERE deleted = false {condition}")  # noqa: S608
    order = f"{key} {direction} {nulls}, created_at {direction}, id {direction}"
    chosen = f"WHERE deleted = false {condition} ORDER BY {order} LIMIT 1 OFFSET {int(total * place)}"
    ((image_id,),) = registry.rows(f"SELECT id FROM images {chosen}")  # noqa: S608
    return image_id


@pytest.mark.parametrize("visibility", ["public", "private", "shared", "community"])
def test_images_of_one_visibility(registry, visibility):
    assert len(_check(registry, _list(registry, ADMIN, visibility=visibility), FOR_A_PAGE)) == PAGE
    assert _check(registry, _list(registry, MEMBER, visibility=visibility), FOR_A_PROJECT) or visibility == "private"


@pytest.mark.parametrize(
    ("wanted", "limit"),
    [
        ((("name", "eq", "image-77"),), FOR_A_PAGE),
        ((("name", "eq", "nosuch"),), FOR_A_PAGE),
        ((("name", "in", ["image-7", "image-8"]),), FOR_A_PAGE),
        ((("id", "in", ["a", "b"]),), FOR_A_PAGE),
        ((("status", "eq", "queued"),), FOR_A_MIXED_PAGE),
        ((("disk_format", "eq", "raw"),), FOR_A_MIXED_PAGE),
        ((("disk_format", "eq", "nosuch"),), FOR_A_PAGE),
        ((("container_format", "eq", "bare"),), FOR_A_MIXED_PAGE),
        ((("owner", "eq", "p7"),), FOR_A_PROJECT),
        ((("owner", "eq", "p7"), ("status", "eq", "active")), FOR_A_PROJECT),
        ((("checksum", "eq", "c" * 32),), FOR_A_PAGE),
        ((("os_hash_value", "eq", "c" * 128),), FOR_A_PAGE),
        ((("size", "gte", 1_000_000_000),), FOR_FEW),
        ((("created_at", "gte", "2020-01-05T00:00:00"),), FOR_A_MIXED_PAGE),
        ((("tag", "eq", "tag-3"),), 10 * IMAGES // catalogue.TAGS),
        ((("tag", "eq", "nosuch"),), FOR_A_PAGE),
        ((("tag", "eq", "tag-3"), ("tag", "eq", "tag-4")), 10 * IMAGES // catalogue.TAGS),
        ((("property:os_distro", "eq", "distro-5"),), FOR_A_MIXED_PAGE),
        ((("property:os_distro", "eq", "nosuch"),), FOR_A_PAGE),
    ],
    ids=str,
)
def test_filters(registry, wanted, limit):
    _check(registry, _list(registry, ADMIN, filters=wanted), limit)
    _check(registry, _list(registry, MEMBER, filters=wanted), limit)


@pytest.mark.parametrize(
    ("query", "limit"),
    [
        ({"filters": (("owner", "eq", "p7"),)}, FOR_A_PAGE),
        ({"filters": (("owner", "eq", "p7"),), "visibility": "public"}, FOR_A_PAGE),
        ({"filters": (("owner", "eq", "p1"), ("name", "eq", "image-77"))}, FOR_A_PAGE),
        ({"filters": (("owner", "eq", "p1"), ("status", "eq", "active"))}, FOR_A_PAGE),
        ({"visibility": "private"}, FOR_A_PAGE),
        ({"visibility": "public", "filters": (("status", "eq", "active"),)}, FOR_A_PAGE),
        ({"visibility": "public", "sort": (("name", "asc"),)}, FOR_A_PAGE),
        ({"visibility": "shared", "member_status": "all"}, FOR_A_MIXED_PAGE),
        ({"visibility": "shared", "member_status": "pending"}, FOR_A_MIXED_PAGE),
        ({"os_hidden": True}, FOR_A_PAGE),
        ({"filters": (("protected", "eq", True),)}, FOR_A_PAGE),
        ({"filters": (("status", "in", ["active", "queued"]),)}, FOR_A_MIXED_PAGE),
        ({"filters": (("disk_format", "in", ["raw", "qcow2"]),)}, FOR_A_MIXED_PAGE),
        ({"filters": (("disk_format", "in", ["vdi", "iso"]),)}, FOR_A_PAGE),
        ({"filters": (("disk_format", "in", ["vdi", "raw"]),), "sort": (("name", "asc"),)}, FOR_A_PROJECT),
        ({"filters": (("updated_at", "gte", "2020-01-06T18:50:00"),)}, FOR_FEW),
        ({"filters": (("status", "eq", "active"), ("updated_at", "gte", "2020-01-06T18:50:00"))}, FOR_FEW),
        ({"filters": (("size", "gte", 1_000_000_000), ("size", "lte", 1_200_000_000))}, FOR_FEW),
        ({"filters": (("name", "eq", "image-77"),), "sort": (("size", "asc"),)}, FOR_FEW),
        ({"filters": (("tag", "eq", "tag-3"), ("owner", "eq", "p1"))}, FOR_FEW),
        ({"filters": (("tag", "eq", "tag-3"),), "visibility": "public"}, FOR_FEW),
    ],
    ids=str,
)
def test_what_dashboards_ask(registry, query, limit):
    _check(registry, _list(registry, ADMIN, **query), limit)
    _check(registry, _list(registry, MEMBER, **query), limit)


def test_what_many_images_have_is_looked_for_in_the_order_of_the_list(registry, monkeypatch):
    """A tag on more images than are looked at one by one: a page is full long before all of them were seen."""
    monkeypatch.setattr("imagesvc.registry.db.filters.FEW", 100)
    wanted = (("tag", "eq", "tag-3"),)
    assert len(_check(registry, _list(registry, ADMIN, filters=wanted), 4 * PAGE * catalogue.TAGS)) == PAGE


def test_one_image(registry):
    ((image_id,),) = registry.rows("SELECT id FROM images WHERE deleted = false AND visibility = 'public' LIMIT 1")
    _check(registry, lambda: registry.api.image_get(MEMBER, image_id), 20, 1)


def test_the_rounds_of_reaper_and_janitors(registry):
    """They run every few seconds, and look for what is hardly ever there."""
    registry.put(
        "INSERT INTO imagesvc_upload_intents (upload_id, image_id, store, state, host, worker, reserved_bytes, "
        "received_bytes, lease_until_ms, created_ms) SELECT substr(id, 1, 36), id, 'fast', 'complete', 'h', 'w', 1, 1, 1, 1 "
        "FROM images WHERE os_hidden = false AND deleted = true"
    )
    with _connected(registry) as connection:
        connection.exec_driver_sql(
            f"ANALYZE {'TABLE' if connection.dialect.name == 'mysql' else ''} imagesvc_upload_intents"
        )
    for work in (
        lambda tx: uploads.expired(tx, 1),
        lambda tx: uploads.stuck_images(tx, "saving", tx.now_ms, 100),
        lambda tx: uploads.live_of_worker(tx, "worker"),
        lambda tx: cleanup.aborted_uploads(tx, "h", ["fast"], 0, 100, lock=False),
        lambda tx: cleanup.deleted_locations(tx, ["fast"], 100),
    ):
        assert _check(registry, lambda work=work: in_transaction(registry, work), 20, 1) == []
