"""Rules about images as metadata."""

from imagesvc.policies import base

_IMAGES = "/v2/images"
_IMAGE = "/v2/images/{image_id}"

RULES = [
    base.rule(
        "add_image",
        f"{base.ADMIN} or ({base.MEMBER} and project_id:%(owner)s)",
        "Create an image.",
        [("POST", _IMAGES)],
    ),
    base.rule("get_image", base.admin_or_visible("reader"), "Show an image.", [("GET", _IMAGE)]),
    base.rule("get_images", base.ADMIN_OR_READER, "List images.", [("GET", _IMAGES)]),
    base.rule("modify_image", base.ADMIN_OR_MEMBER, "Change an image.", [("PATCH", _IMAGE)]),
    base.rule("delete_image", base.ADMIN_OR_MEMBER, "Delete an image.", [("DELETE", _IMAGE)]),
    base.rule(
        "publicize_image",
        base.ADMIN,
        "Make an image public.",
        [("POST", _IMAGES), ("PATCH", _IMAGE)],
        open_before=False,
    ),
    base.rule(
        "communitize_image",
        base.ADMIN_OR_MEMBER,
        "Make an image a community image.",
        [("POST", _IMAGES), ("PATCH", _IMAGE)],
    ),
]
