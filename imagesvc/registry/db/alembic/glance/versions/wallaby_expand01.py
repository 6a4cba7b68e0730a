# Its message ends in a stray quotation mark wherever Glance prints it, and so it does here.
__doc__ = 'add image_id, request_id, user columns to tasks table"'

import sqlalchemy as sa

from imagesvc.registry.db import ddl

revision = "wallaby_expand01"
down_revision = "ussuri_expand01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    ddl.add_column("tasks", sa.Column("image_id", sa.String(36)))
    ddl.add_column("tasks", sa.Column("request_id", sa.String(64)))
    ddl.add_column("tasks", sa.Column("user_id", sa.String(64)))
    ddl.create_index("ix_tasks_image_id", "tasks", ["image_id"])
