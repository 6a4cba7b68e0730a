"""Options of the Images API: what is offered and shown."""

from oslo_config import cfg

DEFAULT = [
    cfg.URIOpt(
        "public_endpoint",
        schemes=["http", "https"],
        help="URL under which clients reach this service, as the versions document shows it. Set it, above all behind a proxy that speaks TLS; unset means the URL that a request names.",
    ),
    cfg.IntOpt("limit_param_default", default=25, min=1, help="Images on a page when the request names no limit."),
    cfg.IntOpt("api_limit_max", default=1000, min=1, help="Most images on a page, whatever the request asks."),
    cfg.BoolOpt(
        "show_image_direct_url",
        default=False,
        help="Show the URL of an image's first location as direct_url, by which Nova and Cinder clone inside of a store. It tells about the store and may hold its password: keep it off where users reach the service.",
    ),
    cfg.BoolOpt(
        "show_multiple_locations",
        default=False,
        help="Show the locations of images, and let PATCH change them. They tell about the store and may hold its password: keep it off where users reach the service.",
    ),
    cfg.BoolOpt("allow_anonymous_access", default=False, help="Let requests without identity read public images."),
    cfg.IntOpt("max_request_id_length", default=64, min=0, help="Longest accepted x-openstack-request-id of a client."),
    cfg.StrOpt("hashing_algorithm", default="sha512", help="Name of the hashlib algorithm for os_hash_value."),
    cfg.BoolOpt(
        "do_secure_hash",
        default=True,
        help="Read data whose location was added with POST, to compute its hash, and to compare it when the request says what it must be. Otherwise what the request says is believed.",
    ),
    cfg.IntOpt(
        "http_retries",
        default=3,
        min=0,
        help="How often a location that was added with POST is asked again when it cannot be read.",
    ),
    cfg.ListOpt(
        "enabled_import_methods",
        default=["glance-direct", "web-download", "copy-image"],
        bounds=False,
        help="Import methods that /v2/info/import names, with or without surrounding brackets. This release runs none of them.",
    ),
]

GROUPS = {"DEFAULT": DEFAULT}
