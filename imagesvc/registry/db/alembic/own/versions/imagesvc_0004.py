"""index images by owner and visibility, and by whether they are protected, in the order of their creation"""

from imagesvc.registry.db import ddl

revision = "imagesvc_0004"
down_revision = "imagesvc_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name, columns in (("of_owner_and_visibility", ("owner", "visibility")), ("by_protected", ("protected",))):
        order = ("deleted", "os_hidden", "created_at", "id")
        ddl.create_index(f"imagesvc_images_{name}", "images", (*columns, *order))
