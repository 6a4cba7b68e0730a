"""add index on created_at and updated_at columns of 'images' table"""

from imagesvc.registry.db import ddl

revision = "mitaka01"
down_revision = "liberty"
branch_labels = None
depends_on = None


def upgrade() -> None:
    ddl.create_index("created_at_image_idx", "images", ["created_at"])
    ddl.create_index("updated_at_image_idx", "images", ["updated_at"])
