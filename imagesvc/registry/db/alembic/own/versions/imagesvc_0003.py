"""index uploads by their state and properties by their value

Most uploads are at their end, and not what the reaper and janitors look for.  Values are longer than any index may hold, so where
a database must be told it has their first 64 characters.
"""

import sqlalchemy as sa
from alembic import op

from imagesvc.registry.db import ddl

revision = "imagesvc_0003"
down_revision = "imagesvc_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    ddl.create_index("imagesvc_upload_intents_by_state", "imagesvc_upload_intents", ["state", "lease_until_ms"])
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    value: str | sa.TextClause = sa.text("left(value, 64)") if is_postgresql else "value"
    ddl.create_index(
        "imagesvc_image_properties_by_value",
        "image_properties",
        ["name", value],
        mysql_length={"value": 64},
        mariadb_length={"value": 64},
    )
