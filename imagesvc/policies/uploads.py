"""Rules about an image's data."""

from imagesvc.policies import base

_FILE = "/v2/images/{image_id}/file"

RULES = [
    base.rule("upload_image", base.ADMIN_OR_MEMBER, "Upload an image's data.", [("PUT", _FILE)]),
    base.rule("download_image", base.admin_or_visible("member"), "Download an image's data.", [("GET", _FILE)]),
]
