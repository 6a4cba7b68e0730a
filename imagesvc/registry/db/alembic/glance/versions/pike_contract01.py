"""drop glare artifacts tables"""

from imagesvc.registry.db import ddl

revision = "pike_contract01"
down_revision = "ocata_contract01"
branch_labels = None
depends_on = ("pike_expand01",)


def upgrade() -> None:
    # Tables that refer to others go first.
    for table in ("blob_locations", "blobs", "dependencies", "properties", "tags"):
        ddl.drop_table(f"artifact_{table}")
    ddl.drop_table("artifacts")
