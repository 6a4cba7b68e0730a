import pytest

from imagesvc.registry.db import exclusive, migration, planner
from tests.fixtures import database


@pytest.fixture
def connection(tmp_path):
    with exclusive.reading(database.make_current(tmp_path)) as opened:
        yield opened


def test_an_index_is_described_as_sqlite_wants_it():
    assert planner._statistics(100_000, [50, 1, 100_000]) == "100000 2000 2000 1"
    assert planner._statistics(10, [20]) == "10 1"


def test_every_index_of_the_large_tables_is_described(connection):
    known = dict.fromkeys(connection.exec_driver_sql("SELECT idx FROM sqlite_stat1").scalars())
    for table in planner._SIZES:
        for index in planner._indexes(connection, table):
            assert index in known


def test_assumptions_may_be_written_again(tmp_path):
    conf = database.make_current(tmp_path)
    with database.changing(conf) as connection:
        planner.assume_sizes(connection)
        rows = connection.exec_driver_sql("SELECT idx, count(*) FROM sqlite_stat1 GROUP BY idx").all()
    assert rows
    assert all(count == 1 for _index, count in rows)


def test_they_survive_the_rebuilding_of_a_table(tmp_path):
    conf = database.make_at(tmp_path, "mitaka02")
    for step in (migration.expand, migration.migrate, migration.contract):
        database.run(conf, step)
    with exclusive.reading(conf) as connection:
        test_every_index_of_the_large_tables_is_described(connection)


def test_images_shared_with_a_project_are_found_by_its_memberships(connection):
    statement = (
        "EXPLAIN QUERY PLAN SELECT * FROM images WHERE deleted = 0 AND os_hidden = 0 AND visibility = 'shared' AND id IN "
        "(SELECT image_id FROM image_members WHERE member = 'p' AND deleted = 0) ORDER BY created_at DESC, id DESC LIMIT 25"
    )
    plan = " ".join(row.detail for row in connection.exec_driver_sql(statement))
    assert "id=?" in plan
    assert "imagesvc_image_members_by_member (member=? AND deleted=?)" in plan


def test_other_databases_are_left_alone():
    class Connection:
        dialect = type("Dialect", (), {"name": "postgresql"})

    planner.assume_sizes(Connection())
