"""add os_hidden column to images table"""

import sqlalchemy as sa

from imagesvc.registry.db import ddl

revision = "rocky_expand01"
down_revision = "queens_expand01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    ddl.add_column("images", sa.Column("os_hidden", sa.Boolean, nullable=False, server_default=sa.false()))
    ddl.create_index("os_hidden_image_idx", "images", ["os_hidden"])
