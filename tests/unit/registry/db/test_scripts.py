import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from imagesvc.registry.db import exclusive, migration, models, revisions, scripts
from tests.fixtures import database

#: Order and messages that operators' guides show, expand branch first.
EXPAND = (
    ("liberty", "liberty initial"),
    ("mitaka01", "add index on created_at and updated_at columns of 'images' table"),
    ("mitaka02", "update metadef os_nova_server"),
    ("ocata_expand01", "add visibility to images"),
    ("pike_expand01", "empty expand for symmetry with pike_contract01"),
    ("queens_expand01", ""),
    ("rocky_expand01", "add os_hidden column to images table"),
    ("rocky_expand02", "add os_hash_algo and os_hash_value columns to images table"),
    ("train_expand01", "empty expand for symmetry with train_contract01"),
    ("ussuri_expand01", "empty expand for symmetry with ussuri_expand01"),
    ("wallaby_expand01", 'add image_id, request_id, user columns to tasks table"'),
    ("xena_expand01", "empty expand for symmetry with 2023_1_expand01"),
    ("yoga_expand01", "empty expand for symmetry with 2023_1_expand01"),
    ("zed_expand01", "empty expand for symmetry with 2023_1_expand01"),
    ("2023_1_expand01", "empty expand for symmetry with 2023_1_expand01"),
    ("2024_1_expand01", "adds cache_node_reference and cached_images table(s)"),
)
CONTRACT = (
    ("ocata_contract01", "remove is_public from images"),
    ("pike_contract01", "drop glare artifacts tables"),
    *((f"{name}_contract01", "") for name in ("queens", "rocky")),
    ("rocky_contract02", ""),
    *((f"{name}_contract01", "") for name in ("train", "ussuri", "wallaby", "xena", "yoga", "zed", "2023_1", "2024_1")),
)


def _branch(head):
    directory = ScriptDirectory.from_config(scripts.GLANCE._config)
    found = list(directory.iterate_revisions(head, "base"))
    return [(script.revision, script.doc) for script in reversed(found)]


def test_the_expand_branch_is_glances():
    assert _branch(revisions.EXPAND_HEAD) == list(EXPAND)


def test_the_contract_branch_is_glances():
    assert [item for item in _branch(revisions.CONTRACT_HEAD) if item not in EXPAND] == list(CONTRACT)


def test_every_contraction_needs_its_expansion():
    directory = ScriptDirectory.from_config(scripts.GLANCE._config)
    for name, _message in CONTRACT:
        assert directory.get_revision(name).dependencies == name.replace("contract", "expand")


@pytest.fixture(scope="module")
def current(tmp_path_factory):
    return database.make_current(tmp_path_factory.mktemp("current"))


def test_a_new_database_ends_in_exactly_the_schema_of_the_models(current):
    with exclusive.reading(current) as connection:
        own = {revisions.GLANCE_VERSION_TABLE, revisions.OWN_VERSION_TABLE}
        options = {
            "compare_type": True,
            "compare_server_default": _differ,
            "include_name": lambda name, kind, _parents: kind != "table" or name not in own,
        }
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, _models_on(connection.dialect.name)) == []


def _differ(context, _found, _declared, found_default, _default, declared_default):
    """MySQL has numbers for booleans; all else alembic compares."""
    return False if (found_default, declared_default) == ("0", "false") else None


def _models_on(dialect):
    """What only PostgreSQL can be told: where null is in an index, and to index the beginning of a text."""
    if dialect != "postgresql":
        return models.metadata
    metadata = sqlalchemy.MetaData()
    for table in models.metadata.sorted_tables:
        copy = table.to_metadata(metadata)
        for index in [index for index in copy.indexes if index.name.startswith("imagesvc_image")]:
            copy.indexes.remove(index)
            sqlalchemy.Index(index.name, *[_on_postgresql(index, column) for column in index.columns])
    return metadata


#: Characters at the beginning of a text that are in an index.
_INDEXED = {
    "imagesvc_image_properties_in_order": models.INDEXED_CHARACTERS,
    "imagesvc_image_locations_by_value": models.INDEXED_URL,
}


def _on_postgresql(index, column):
    if index.name in _INDEXED and column.name == "value":
        return sqlalchemy.func.left(column, sqlalchemy.literal_column(str(_INDEXED[index.name])))
    is_sorted_by = index.name.startswith("imagesvc_images_") and column.name != "owner"
    return column.nulls_first() if is_sorted_by and column.nullable else column


def test_constraints_and_references_are_those_of_the_models(current):
    with exclusive.reading(current) as connection:
        inspector = sqlalchemy.inspect(connection)
        for table in models.metadata.sorted_tables:
            unique = {item["name"]: item["column_names"] for item in inspector.get_unique_constraints(table.name)}
            declared = [item for item in table.constraints if isinstance(item, sqlalchemy.UniqueConstraint)]
            assert unique == {item.name: [column.name for column in item.columns] for item in declared}
            key = inspector.get_pk_constraint(table.name)["constrained_columns"]
            assert key == [column.name for column in table.primary_key.columns]
            found = {
                (*item["constrained_columns"], item["referred_table"])
                for item in inspector.get_foreign_keys(table.name)
            }
            assert found == {(fk.parent.name, fk.column.table.name) for fk in table.foreign_keys}


def test_own_steps_may_run_again_after_an_interruption(tmp_path):
    conf = database.make_current(tmp_path)
    with database.changing(conf) as connection:
        (index,) = [index for index in models.images.indexes if index.name == "imagesvc_images_by_name"]
        index.drop(connection)
        connection.exec_driver_sql("DROP TABLE imagesvc_leases")
        connection.exec_driver_sql("DELETE FROM imagesvc_alembic_version")
    database.run(conf, migration.sync)
    test_a_new_database_ends_in_exactly_the_schema_of_the_models(conf)


@pytest.mark.parametrize("revision", [name for name, _message in EXPAND])
def test_glances_steps_may_run_again_after_an_interruption(tmp_path, revision):
    conf = database.make_at(tmp_path, revision)
    with database.changing(conf) as connection:
        previous = ScriptDirectory.from_config(scripts.GLANCE._config).get_revision(revision).down_revision
        connection.exec_driver_sql("DELETE FROM alembic_version")
        if previous:
            connection.execute(
                sqlalchemy.text("INSERT INTO alembic_version VALUES (:previous)"), {"previous": previous}
            )
    database.run(conf, migration.sync)
    test_a_new_database_ends_in_exactly_the_schema_of_the_models(conf)


def test_the_version_table_of_glance_holds_glances_ids_alone(current):
    with exclusive.reading(current) as connection:
        assert scripts.GLANCE.current(connection) == {revisions.CONTRACT_HEAD}
        assert scripts.OWN.current(connection) == {revisions.OWN_HEAD}


def _plan(connection, where, key):
    order = ", ".join(f"{name} DESC" for name in dict.fromkeys([key] if key == "id" else [key, "created_at", "id"]))
    condition = f"deleted = 0 AND os_hidden = 0 {where}"
    statement = f"EXPLAIN QUERY PLAN SELECT * FROM images WHERE {condition} ORDER BY {order} LIMIT 25"  # noqa: S608
    return " ".join(row.detail for row in connection.exec_driver_sql(statement))


@pytest.mark.parametrize("key", models.SORT_KEYS)
@pytest.mark.parametrize(
    ("where", "prefix"),
    [("", ""), ("AND owner = 'p'", "of_owner_"), ("AND visibility = 'public'", "of_visibility_")],
    ids=["all", "owner", "visibility"],
)
def test_a_page_in_any_order_is_read_from_an_index(current, key, where, prefix):
    with exclusive.reading(current) as connection:
        plan = _plan(connection, where, key)
    assert f"USING INDEX imagesvc_images_{prefix}by_{key} " in plan
    assert "TEMP B-TREE" not in plan
