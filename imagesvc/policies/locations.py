"""Rules about where an image's data is."""

from imagesvc.policies import base

_IMAGE = "/v2/images/{image_id}"
_LOCATIONS = f"{_IMAGE}/locations"

RULES = [
    base.rule(
        # All who see the image: Nova asks as its user, and clones from where a public image's data is.
        "get_image_location",
        base.admin_or_visible("reader"),
        "See where an image's data is; who may not, sees the image without locations, direct_url and stores.",
        [("GET", _IMAGE)],
    ),
    base.rule(
        "set_image_location",
        base.ADMIN_OR_MEMBER,
        "Add locations to an image, and change what is noted with them, by changing the image.",
        [("PATCH", _IMAGE)],
    ),
    base.rule("delete_image_location", base.ADMIN, "Remove a location from an image.", [("PATCH", _IMAGE)]),
    base.rule(
        "add_image_location",
        f"rule:service_api or ({base.MEMBER} and project_id:%(owner)s)",
        "Give a queued image its data by telling where it is.",
        [("POST", _LOCATIONS)],
        open_before=False,
    ),
    base.rule(
        "fetch_image_location",
        "rule:service_api",
        "Learn where an image's data is, as services do.",
        [("GET", _LOCATIONS)],
        open_before=False,
    ),
]
