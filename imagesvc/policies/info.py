"""Rules about what the service tells of itself."""

from imagesvc.policies import base

RULES = [
    base.rule(
        "stores_info_detail",
        f"{base.ADMIN} or rule:service_api",
        "See the settings of the stores.",
        [("GET", "/v2/info/stores/detail")],
    ),
]
