"""keep what is being done about locations that were added, and index locations by their URL

URLs are longer than any index may hold, so where a database must be told it has their first 255 characters.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import CHAR, BigInteger, Column, Integer, String, Text, UniqueConstraint

from imagesvc.registry.db import ddl

revision = "imagesvc_0005"
down_revision = "imagesvc_0004"
branch_labels = None
depends_on = None

_JOBS = "imagesvc_location_jobs"


def upgrade() -> None:
    ddl.create_table(
        _JOBS,
        Column("job_id", String(36), primary_key=True),
        Column("image_id", String(36), nullable=False),
        Column("project_id", String(255)),
        Column("phase", String(16), nullable=False),
        Column("url", Text, nullable=False),
        Column("url_key", CHAR(64)),
        Column("store", String(255)),
        Column("os_hash_algo", String(64)),
        Column("os_hash_value", String(128)),
        Column("task_id", String(36), nullable=False),
        Column("worker", String(255), nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("lease_until_ms", BigInteger, nullable=False),
        *(UniqueConstraint(column, name=f"uq_{_JOBS}_{column}") for column in ("image_id", "url_key")),
        options=ddl.OWN,
    )
    for column in ("worker", "lease_until_ms"):
        ddl.create_index(f"ix_{_JOBS}_{column}", _JOBS, [column])
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    value: str | sa.TextClause = sa.text("left(value, 255)") if is_postgresql else "value"
    ddl.create_index(
        "imagesvc_image_locations_by_value",
        "image_locations",
        [value],
        mysql_length={"value": 255},
        mariadb_length={"value": 255},
    )
