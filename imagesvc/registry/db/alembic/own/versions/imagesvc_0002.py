"""index images by every sort key of the API, and by what listings filter on"""

from imagesvc.registry.db import ddl

revision = "imagesvc_0002"
down_revision = "imagesvc_0001"
branch_labels = None
depends_on = None

_SORT_KEYS = ("name", "status", "container_format", "disk_format", "size", "id", "created_at", "updated_at")

#: Listings have null before everything.
_NULLABLE = {"name", "container_format", "disk_format", "size", "updated_at"}

#: Index, table, columns.  On MySQL the longest, two times 255 characters of three bytes and a few more, is within its 3072.
_OTHERS = (
    ("imagesvc_image_tags_by_value", "image_tags", ("value", "deleted", "image_id")),
    ("imagesvc_image_members_by_member", "image_members", ("member", "deleted", "image_id")),
    ("imagesvc_image_locations_by_status", "image_locations", ("status", "id")),
)


def upgrade() -> None:
    for prefix, which in (("", ()), ("of_owner_", ("owner",)), ("of_visibility_", ("visibility",))):
        for key in _SORT_KEYS:
            order = dict.fromkeys([key] if key == "id" else [key, "created_at", "id"])
            columns = (*which, "deleted", "os_hidden", *order)
            ddl.create_index(f"imagesvc_images_{prefix}by_{key}", "images", columns, nulls_first=_NULLABLE)
    for name, table, columns in _OTHERS:
        ddl.create_index(name, table, columns)
