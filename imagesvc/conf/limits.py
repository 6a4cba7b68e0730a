"""Quotas and limits; enforced in glance-registry beside the row, sizes also while streaming."""

from collections.abc import Mapping, Sequence

from oslo_config import cfg

#: Where glance-registry's account at Keystone stands, with which it reads limits.
GROUP = "oslo_limit"

DEFAULT = [
    cfg.IntOpt("image_property_quota", default=128, help="Most custom properties of an image; negative for no limit."),
    cfg.IntOpt("image_tag_quota", default=128, help="Most tags of an image; negative for no limit."),
    cfg.IntOpt("image_member_quota", default=128, help="Most members of an image; negative for no limit."),
    cfg.IntOpt("image_location_quota", default=10, help="Most locations of an image; negative for no limit."),
    cfg.IntOpt("image_size_cap", default=1099511627776, min=1, max=9223372036854775808, help="Largest image in bytes."),
    cfg.StrOpt(
        "user_storage_quota",
        default="0",
        help="Most bytes a project may store: a number with an optional unit B, KB, MB, GB or TB (1024 steps); 0 for no limit. Not looked at with use_keystone_limits.",
    ),
    cfg.BoolOpt(
        "use_keystone_limits",
        default=False,
        help="Whether projects are limited by what Keystone says of image_size_total and image_stage_total (MiB), image_count_total and image_count_uploading; one that is not registered there counts as 0. Needs [oslo_limit]. glance-registry must know of it.",
    ),
]

#: How limits of this service are told from others'; the account itself is described by keystoneauth's options.
OSLO_LIMIT = [
    cfg.StrOpt("endpoint_id", help="Id of the Image service's endpoint, whose service and region limits are for."),
    cfg.StrOpt("endpoint_service_name", help="Without endpoint_id: name of the Image service in Keystone."),
    cfg.StrOpt(
        "endpoint_service_type", default="image", help="Without endpoint_id: type of the Image service in Keystone."
    ),
    cfg.StrOpt(
        "endpoint_region_name",
        help="Region whose limits count; by default the endpoint's, without endpoint_id region_name. Limits without a region count where there is none of the region.",
    ),
    cfg.StrOpt("endpoint_interface", default="public", help="Not needed: the service has one set of limits."),
]

GROUPS = {"DEFAULT": DEFAULT, GROUP: OSLO_LIMIT}


def account_options() -> Mapping[str, Sequence[cfg.Opt]]:
    """keystoneauth's options of the group, as far as accounts with a password need them."""
    # Imported only where it is used or documented.
    from keystoneauth1 import loading

    options = [
        *loading.get_auth_common_conf_options(),
        *loading.get_auth_plugin_conf_options("password"),
        *loading.get_session_conf_options(),
        *loading.get_adapter_conf_options(include_deprecated=False),
    ]
    return {GROUP: options}
