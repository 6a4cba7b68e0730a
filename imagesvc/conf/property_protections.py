"""Options of property protections; see :mod:`imagesvc.policies.protections`."""

from oslo_config import cfg

DEFAULT = [
    cfg.StrOpt(
        "property_protection_file",
        help="File that says who may create, read, update and delete which custom properties of images, see property-protections-roles.conf.sample. Unset means that all may. A file that is missing or wrong stops the start of glance-registry.",
    ),
    cfg.StrOpt(
        "property_protection_rule_format",
        default="roles",
        choices=["roles", "policies"],
        help="What stands in property_protection_file: lists of roles, or names of rules in the policy file.",
    ),
]

GROUPS = {"DEFAULT": DEFAULT}
