"""Quotas and limits; enforced in glance-registry beside the row, sizes also while streaming."""

from oslo_config import cfg

DEFAULT = [
    cfg.IntOpt("image_property_quota", default=128, help="Most custom properties of an image; negative for no limit."),
    cfg.IntOpt("image_tag_quota", default=128, help="Most tags of an image; negative for no limit."),
    cfg.IntOpt("image_member_quota", default=128, help="Most members of an image; negative for no limit."),
    cfg.IntOpt("image_location_quota", default=10, help="Most locations of an image; negative for no limit."),
    cfg.IntOpt("image_size_cap", default=1099511627776, min=1, max=9223372036854775808, help="Largest image in bytes."),
    cfg.StrOpt(
        "user_storage_quota",
        default="0",
        help="Most bytes a project may store: a number with an optional unit B, KB, MB, GB or TB (1024 steps); 0 for no limit.",
    ),
]

GROUPS = {"DEFAULT": DEFAULT}
