"""let tags and properties know when their image was created, and index them in that order

A row that Glance writes beside this service does not know it, and is looked for apart.  The indexes have the columns of those that
were there before in front, and take their place.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column, DateTime

from imagesvc.registry.db import ddl

revision = "imagesvc_0007"
down_revision = "imagesvc_0006"
branch_labels = None
depends_on = None

_ORDER = ("deleted", "image_created_at", "image_id")
_IMAGES = sa.table("images", sa.column("id"), sa.column("created_at"))


def upgrade() -> None:
    for table in ("image_tags", "image_properties"):
        ddl.add_column(table, Column("image_created_at", DateTime))
        _fill(table)
    ddl.create_index("imagesvc_image_tags_in_order", "image_tags", ("value", *_ORDER))
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    value: str | sa.TextClause = sa.text("left(value, 64)") if is_postgresql else "value"
    ddl.create_index(
        "imagesvc_image_properties_in_order",
        "image_properties",
        ["name", value, *_ORDER],
        mysql_length={"value": 64},
        mariadb_length={"value": 64},
    )
    ddl.drop_index("imagesvc_image_tags_by_value", "image_tags")
    ddl.drop_index("imagesvc_image_properties_by_value", "image_properties")


def _fill(name: str) -> None:
    table = sa.table(name, sa.column("image_id"), sa.column("image_created_at"))
    created = sa.select(_IMAGES.c.created_at).where(_IMAGES.c.id == table.c.image_id).scalar_subquery()
    op.execute(sa.update(table).where(table.c.image_created_at.is_(None)).values(image_created_at=created))
