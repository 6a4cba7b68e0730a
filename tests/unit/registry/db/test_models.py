import pytest
from sqlalchemy import create_mock_engine
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from imagesvc.registry.db import models

#: Bytes of an InnoDB index (page size 16 KiB, DYNAMIC or COMPACT) and of one column of it where rows are COMPACT.
MYSQL_INDEX_BYTES, MYSQL_COLUMN_BYTES = 3072, 767


def _bytes_of(column, per_character):
    length = getattr(column.type, "length", None)
    return length * per_character if length else 8


@pytest.mark.parametrize("table", models.metadata.sorted_tables, ids=lambda table: table.name)
def test_every_index_fits_into_mysql(table):
    per_character = 4 if table.name.startswith("imagesvc_") else 3
    limit = MYSQL_INDEX_BYTES if per_character == 4 else MYSQL_COLUMN_BYTES
    keys = [list(index.columns) for index in table.indexes]
    keys += [list(constraint.columns) for constraint in table.constraints if hasattr(constraint, "columns")]
    for key in keys:
        sizes = [_bytes_of(column, per_character) for column in key]
        assert sum(sizes) <= MYSQL_INDEX_BYTES, key
        assert all(size <= limit for size in sizes), key


@pytest.mark.parametrize("dialect", [mysql.dialect(), postgresql.dialect()], ids=lambda dialect: dialect.name)
def test_every_table_has_a_form_in_every_database(dialect):
    for table in models.metadata.sorted_tables:
        assert str(CreateTable(table).compile(dialect=dialect))
        for index in table.indexes:
            assert str(CreateIndex(index).compile(dialect=dialect))


def test_glance_keeps_its_character_set_and_ours_takes_all_of_unicode():
    for table in models.metadata.sorted_tables:
        expected = "utf8mb4" if table.name.startswith("imagesvc_") else "utf8"
        assert table.dialect_options["mysql"]["charset"] == expected, table.name


def test_own_tables_do_not_refer_to_glances():
    for table in models.metadata.sorted_tables:
        if table.name.startswith("imagesvc_"):
            assert not table.foreign_keys, table.name


def test_visibility_is_a_named_type_on_postgresql():
    statements = []
    engine = create_mock_engine(
        "postgresql://", lambda sql, *_a, **_k: statements.append(str(sql.compile(dialect=engine.dialect)))
    )
    models.metadata.create_all(engine, checkfirst=False)
    assert "CREATE TYPE image_visibility AS ENUM ('private', 'public', 'shared', 'community')" in statements


def test_results_of_calls_may_be_long_on_mysql():
    assert "LONGTEXT" in str(CreateTable(models.rpc_ops).compile(dialect=mysql.dialect()))


def test_every_sort_key_has_an_index_in_the_order_of_its_listing():
    orders = {tuple(column.name for column in index.columns) for index in models.images.indexes}
    for key in models.SORT_KEYS:
        order = dict.fromkeys([key] if key == "id" else [key, "created_at", "id"])
        for which in ((), ("owner",), ("visibility",)):
            assert (*which, "deleted", "os_hidden", *order) in orders
