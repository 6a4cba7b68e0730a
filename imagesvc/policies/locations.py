"""Rules about where an image's data is."""

from imagesvc.policies import base

RULES = [
    base.rule(
        "get_image_location",
        base.ADMIN_OR_READER,
        "See where an image's data is; who may not, sees the image without locations, direct_url and stores.",
        [("GET", "/v2/images/{image_id}")],
    ),
]
