"""remove is_public from images

Rows that have no visibility yet get it here: with is_public the knowledge of who may see them would be lost.
"""

import sqlalchemy as sa
from alembic import op

from imagesvc.registry.db import data_migrations, ddl

revision = "ocata_contract01"
down_revision = "mitaka02"
branch_labels = ("contract",)
depends_on = ("ocata_expand01",)


def upgrade() -> None:
    if not ddl.has_column("images", "is_public"):
        return
    data_migrations.fill_visibility(op.get_bind())
    ddl.drop_index("ix_images_is_public", "images")
    visibility = sa.Enum("private", "public", "shared", "community", name="image_visibility")
    with op.batch_alter_table("images") as images:
        images.alter_column("visibility", existing_type=visibility, nullable=False, server_default="shared")
        images.drop_column("is_public")
