"""What SQLite's query planner is to assume about the sizes of tables.

Without statistics it takes every index for very selective, so it answers "the images I am a member of" by walking through all
images.  ANALYZE would gather statistics, but of an empty database when glance-manage runs, and later with plans that change under
way.  So the figures of a large catalogue are written instead, as SQLite's documentation provides for; on a small one any plan is
fast.  MySQL, MariaDB and PostgreSQL look after their statistics themselves.
"""

import math

from sqlalchemy.engine import Connection

#: Rows of a table, and how many different values its columns have; what is not named is unique or nearly so.
_SIZES: dict[str, tuple[int, dict[str, int]]] = {
    "images": (
        100_000,
        {
            "deleted": 1,
            "os_hidden": 1,
            "is_public": 1,
            "status": 1,
            "visibility": 3,
            "owner": 50,
            "disk_format": 2,
            "container_format": 1,
        },
    ),
    "image_properties": (800_000, {"deleted": 1, "image_id": 100_000, "name": 100}),
    "image_tags": (200_000, {"deleted": 1, "image_id": 100_000, "value": 200}),
    "image_locations": (100_000, {"deleted": 1, "status": 2}),
    "image_members": (10_000, {"deleted": 1, "image_id": 5_000, "member": 500}),
}


def assume_sizes(connection: Connection) -> None:
    """Write the assumptions for the indexes that exist; does nothing on other databases than SQLite."""
    if connection.dialect.name != "sqlite":
        return
    connection.exec_driver_sql("ANALYZE sqlite_schema")  # makes the table of statistics, and that alone
    for table, (rows, distinct) in _SIZES.items():
        connection.exec_driver_sql("DELETE FROM sqlite_stat1 WHERE tbl = ?", (table,))
        for index, columns in _indexes(connection, table).items():
            row = (table, index, _statistics(rows, [distinct.get(column, rows) for column in columns]))
            connection.exec_driver_sql("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (?, ?, ?)", row)


def _indexes(connection: Connection, table: str) -> dict[str, list[str]]:
    """All indexes of a table with their columns, those of its constraints too, which the inspector leaves out."""
    names = connection.exec_driver_sql("SELECT name FROM pragma_index_list(?)", (table,)).scalars().all()
    columns = "SELECT name FROM pragma_index_info(?) ORDER BY seqno"
    return {name: list(connection.exec_driver_sql(columns, (name,)).scalars()) for name in names}


def _statistics(rows: int, distinct: list[int]) -> str:
    """SQLite's form: the rows, then the rows that share the first column's value, the first two columns' and so on."""
    shared = [max(1, rows // math.prod(distinct[: count + 1])) for count in range(len(distinct))]
    return " ".join(map(str, [rows, *shared]))
