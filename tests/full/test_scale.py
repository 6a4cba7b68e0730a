"""A page of 100,000 images costs what a page of 1,000 does: rows the server looked at, and no scan of a whole table."""

import dataclasses

import pytest

from imagesvc import objects
from imagesvc.registry.db import migration
from imagesvc.registry.db.models import SORT_KEYS
from tests.fixtures import catalogue, database, servers
from tests.fixtures.registry import Registry, on_database
from tests.fixtures.rpc import make_context

SMALL, LARGE = 1_000, 100_000
PAGE = 20
#: How much more a page of the large catalogue may cost, beside one page's rows: where an index is entered may differ by those.
GROWTH = 1.5

CALLERS = {
    "admin": make_context(roles=["admin"], project_id="p0"),
    "member": make_context(roles=["member", "reader"], project_id="p1"),
}
ORDERS = [(), *(((key, direction),) for key in SORT_KEYS for direction in ("asc", "desc"))]


#: Tags and values of a property, and before which id the images are that have them: one in 1.1, in 2 and in 32.
SHARES = {"nearly-all": "f", "often": "8", "seldom": "08"}
_ROWS = (("image_tags", "value", "'{}'"), ("image_properties", "name, value", "'hw_{0}', '{0}'"))
_FILTERS = [(kind.format(value), "eq", value) for value in SHARES for kind in ("tag", "property:hw_{}")]


@dataclasses.dataclass
class Catalogue:
    """:ivar size: the number of its images."""

    registry: Registry
    size: int

    def costs(self, caller, **query):
        """(Rows looked at for a page, the images on it, the queries with their plans.)"""
        engine = catalogue.engine_of(self.registry.database)
        with catalogue.queries_of(engine) as queries:
            page = self.registry.api.image_list(CALLERS[caller], objects.ImageQuery(limit=PAGE, **query)).images
        with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            rows = sum(catalogue.rows_looked_at(connection, query) for query in queries)
            return rows, page, [(query.statement, catalogue.plan_of(connection, query)) for query in queries]

    def last_marker(self, caller, sort, filters=()):
        """The image after which the last page begins, found from the other end."""
        opposite = {"asc": "desc", "desc": "asc"}
        default = (("created_at", "desc"),)
        back = tuple((key, opposite[direction]) for key, direction in sort or default)
        ids = objects.ImageQuery(limit=PAGE + 1, sort=back, filters=filters)
        return self.registry.api.image_list(CALLERS[caller], ids).images[-1].id


@pytest.fixture(scope="module", params=sorted(servers.KINDS))
def server(request):
    with servers.started(servers.KINDS[request.param]) as server, database.on(server):
        yield server


@pytest.fixture(scope="module")
def catalogues(server, tmp_path_factory):
    """The small one and the large one."""
    made = [_catalogue(tmp_path_factory.mktemp("catalogue"), size) for size in (SMALL, LARGE)]
    yield made
    for one in made:
        one.registry.database.dispose()


def _catalogue(directory, size):
    conf = database.make_at(directory, "2024_1_contract01")
    with database.changing(conf) as connection:
        catalogue.fill(connection, size)
        for value, first in SHARES.items():
            for table, columns, values in _ROWS:
                connection.exec_driver_sql(
                    f"INSERT INTO {table} (image_id, created_at, deleted, {columns}) "  # noqa: S608 - our words
                    f"SELECT id, created_at, deleted, {values.format(value)} FROM images WHERE id < '{first}'"
                )
    database.run(conf, migration.sync)
    registry = on_database(conf)
    registry.database.check_schema()
    with catalogue.engine_of(registry.database).execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        catalogue.gather_statistics(connection)
    return Catalogue(registry, size)


def _scans(plan):
    """Lines of a plan that read a whole table: MariaDB's access type ALL, PostgreSQL's Seq Scan."""
    tables = ("image",)  # all of those that grow begin so; derived tables are as small as the page
    return [
        line
        for line in plan.splitlines()
        if any(table in line for table in tables) and ("'ALL'" in line or "Seq Scan on image" in line)
    ]


def _compare(catalogues, caller, queries):
    """:param queries: one for each catalogue."""
    (small, few, _), (large, many, plans) = [
        one.costs(caller, **query) for one, query in zip(catalogues, queries, strict=True)
    ]
    assert (len(few), len(many)) == (PAGE, PAGE)
    for statement, plan in plans:
        assert not _scans(plan), f"{statement}\n{plan}"
    assert large <= GROWTH * small + PAGE, "\n".join(f"{statement}\n{plan}" for statement, plan in plans)


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("sort", ORDERS, ids=str)
def test_the_first_page(catalogues, caller, sort):
    _compare(catalogues, caller, [{"sort": sort}] * 2)


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("sort", ORDERS, ids=str)
def test_the_last_page(catalogues, caller, sort):
    _compare(catalogues, caller, [{"sort": sort, "marker": one.last_marker(caller, sort)} for one in catalogues])


@pytest.mark.parametrize("wanted", _FILTERS, ids=str)
@pytest.mark.parametrize("sort", [(), (("created_at", "asc"),)], ids=str)
@pytest.mark.parametrize("visibility", [None, "all"])
def test_pages_of_a_tag_or_a_property(catalogues, wanted, sort, visibility):
    """Of an administrator's list, however many images have it."""
    query = {"sort": sort, "filters": (wanted,), "visibility": visibility}
    _compare(catalogues, "admin", [query] * 2)
    markers = [one.last_marker("admin", sort, (wanted,)) for one in catalogues]
    _compare(catalogues, "admin", [{**query, "marker": marker} for marker in markers])
