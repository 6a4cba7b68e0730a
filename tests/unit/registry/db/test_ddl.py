import pytest
import sqlalchemy
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column, Integer

from imagesvc.registry.db import ddl
from tests.fixtures import database


@pytest.fixture
def connection(tmp_path):
    with (
        database.changing(database.make_conf(tmp_path)) as opened,
        Operations.context(MigrationContext.configure(opened)),
    ):
        yield opened


def _create():
    ddl.create_table("t", Column("x", Integer), options=ddl.OWN)


def test_each_change_may_be_repeated(connection):
    for _ in range(2):
        _create()
        ddl.add_column("t", Column("y", Integer))
        ddl.create_index("i", "t", ["x", "y"])
    inspector = sqlalchemy.inspect(connection)
    assert [column["name"] for column in inspector.get_columns("t")] == ["x", "y"]
    assert [(index["name"], index["column_names"]) for index in inspector.get_indexes("t")] == [("i", ["x", "y"])]
    for _ in range(2):
        ddl.drop_index("i", "t")
    assert sqlalchemy.inspect(connection).get_indexes("t") == []
    for _ in range(2):
        ddl.drop_table("t")
    assert sqlalchemy.inspect(connection).get_table_names() == []


def test_columns_are_found(connection):
    _create()
    assert ddl.has_column("t", "x")
    assert not ddl.has_column("t", "y")
