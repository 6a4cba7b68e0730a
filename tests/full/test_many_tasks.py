"""A page of 100,000 tasks costs a page's rows, and looking for expired ones costs those."""

import pytest

from imagesvc.registry.db import tasks
from tests.fixtures import catalogue, database, servers
from tests.fixtures.registry import in_transaction, on_database

TASKS, EXPIRED, PAGE = 100_000, 30, 20
#: Rows that may be looked at for a page: PostgreSQL sorts a hundred rather than read twenty in their order.
FOR_A_PAGE = 16 * PAGE

_FUTURE = {"mysql": "TIMESTAMP('2100-01-01')", "postgresql": "TIMESTAMP '2100-01-01'"}
_PAST = {kind: time.replace("2100", "2000") for kind, time in _FUTURE.items()}


@pytest.fixture(scope="module", params=sorted(servers.KINDS))
def registry(request, tmp_path_factory):
    with servers.started(servers.KINDS[request.param]) as server, database.on(server):
        directory = tmp_path_factory.mktemp("tasks")
        conf = database.make_current(directory)
        with database.changing(conf) as connection:
            _fill(connection)
        registry = on_database(conf)
        yield registry
        registry.database.dispose()


def _fill(connection):
    kind = connection.dialect.name
    connection.exec_driver_sql(
        "INSERT INTO tasks (id, type, status, owner, expires_at, created_at, updated_at, deleted) "  # noqa: S608 - our words
        f"SELECT concat('00000000-0000-4000-8000-', lpad({'CAST(n AS CHAR)' if kind == 'mysql' else 'CAST(n AS TEXT)'}, 12, '0')), "
        "CASE WHEN n %% 3 = 0 THEN 'import' ELSE 'api_image_import' END, "
        "CASE WHEN n %% 50 = 0 THEN 'processing' ELSE 'success' END, concat('p', mod(n, 50)), "
        f"CASE WHEN n %% 50 = 0 THEN NULL WHEN n %% 50 = 1 AND n < {EXPIRED * 50} THEN {_PAST[kind]} ELSE {_FUTURE[kind]} END, "
        f"{catalogue.TIME[kind].format('mod(n * 7, 50000)')}, {catalogue.TIME[kind].format('n')}, false FROM {catalogue.NUMBERS}"
    )
    connection.exec_driver_sql("ANALYZE TABLE tasks" if kind == "mysql" else "ANALYZE tasks")


def _cost(registry, work):
    """(what ``work`` returns, the rows looked at for it)."""
    engine = catalogue.engine_of(registry.database)
    with catalogue.queries_of(engine, "FROM tasks") as queries:
        found = work()
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        rows = [catalogue.rows_looked_at(connection, query) for query in queries]
        plans = "\n".join(f"{query.statement}\n{catalogue.plan_of(connection, query)}" for query in queries)
    return found, sum(rows), plans


def _page(registry, whose=None, *, wanted=(), ascends=False, marker=None):
    sort = ("created_at", ascends)
    work = lambda: in_transaction(registry, tasks.page, whose, dict(wanted), sort, PAGE, marker)  # noqa: E731
    (page, _), rows, plans = _cost(registry, work)
    assert len(page) == PAGE
    assert rows <= FOR_A_PAGE, f"{rows} rows\n{plans}"
    return page


@pytest.mark.parametrize("whose", [None, "p7"])
@pytest.mark.parametrize("ascends", [True, False])
def test_pages_from_the_first_to_the_last(registry, whose, ascends):
    _page(registry, whose, ascends=ascends)
    for place in (0.05, 0.5, 0.95):
        _page(registry, whose, ascends=ascends, marker=_task_at(registry, whose, place))


def _task_at(registry, whose, place):
    condition = "deleted = false AND (expires_at IS NULL OR expires_at > '2050-01-01')"
    condition += f" AND owner = '{whose}'" if whose else ""
    ((total,),) = registry.rows(f"SELECT count(*) FROM tasks WHERE {condition}")  # noqa: S608 - our words
    chosen = f"WHERE {condition} ORDER BY created_at, id LIMIT 1 OFFSET {int(total * place)}"
    ((task_id,),) = registry.rows(f"SELECT id FROM tasks {chosen}")  # noqa: S608 - our words
    return task_id


def test_tasks_of_an_owner_whom_an_administrator_asks_for(registry):
    assert {task["owner"] for task in _page(registry, wanted={"owner": "p3"})} == {"p3"}


def test_expired_tasks_are_found_without_looking_at_others(registry):
    for expected in (20, EXPIRED - 20, 0):
        count, rows, plans = _cost(registry, lambda: in_transaction(registry, tasks.expire, 20))
        assert count == expected
        assert rows <= 2 * EXPIRED, plans
