"""Rules about withholding an image's data."""

from imagesvc.policies import base

_ACTIONS = "/v2/images/{image_id}/actions"

RULES = [
    base.rule("deactivate", base.ADMIN_OR_MEMBER, "Withhold an image's data.", [("POST", f"{_ACTIONS}/deactivate")]),
    base.rule(
        "reactivate", base.ADMIN_OR_MEMBER, "Give an image's data out again.", [("POST", f"{_ACTIONS}/reactivate")]
    ),
]
