"""add visibility to images

The column stays empty until the data migration; is_public may be empty from here on, for rows written without it.
"""

import sqlalchemy as sa
from alembic import op

from imagesvc.registry.db import ddl

revision = "ocata_expand01"
down_revision = "mitaka02"
branch_labels = ("expand",)
depends_on = None


def upgrade() -> None:
    visibility = sa.Enum("private", "public", "shared", "community", name="image_visibility")
    visibility.create(op.get_bind(), checkfirst=True)
    ddl.add_column("images", sa.Column("visibility", visibility))
    ddl.create_index("visibility_image_idx", "images", ["visibility"])
    with op.batch_alter_table("images") as images:
        images.alter_column("is_public", existing_type=sa.Boolean(), nullable=True)
