"""add os_hash_algo and os_hash_value columns to images table"""

import sqlalchemy as sa

from imagesvc.registry.db import ddl

revision = "rocky_expand02"
down_revision = "rocky_expand01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    ddl.add_column("images", sa.Column("os_hash_algo", sa.String(64)))
    ddl.add_column("images", sa.Column("os_hash_value", sa.String(128)))
    ddl.create_index("os_hash_value_image_idx", "images", ["os_hash_value"])
