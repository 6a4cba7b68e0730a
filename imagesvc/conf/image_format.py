"""Options about disk and container formats."""

from oslo_config import cfg

IMAGE_FORMAT = [
    cfg.ListOpt(
        "container_formats",
        default=["ami", "ari", "aki", "bare", "ovf", "ova", "docker", "compressed"],
        deprecated_opts=[cfg.DeprecatedOpt("container_formats", group="DEFAULT")],
        help="Accepted values of container_format.",
    ),
    cfg.ListOpt(
        "disk_formats",
        default=["ami", "ari", "aki", "vhd", "vhdx", "vmdk", "raw", "qcow2", "vdi", "iso", "ploop"],
        deprecated_opts=[cfg.DeprecatedOpt("disk_formats", group="DEFAULT")],
        help="Accepted values of disk_format.",
    ),
    cfg.BoolOpt(
        "require_image_format_match",
        default=True,
        help="Refuse uploads into bare containers whose content is not of the declared disk_format.",
    ),
    cfg.ListOpt(
        "gpt_safety_checks_nonfatal", default=[], help="Names of GPT safety checks whose failure is only logged."
    ),
    cfg.ListOpt(
        "vmdk_allowed_types",
        default=["streamOptimized", "monolithicSparse"],
        help="VMDK subtypes (createType) that are accepted; an empty list accepts none.",
    ),
]

GROUPS = {"image_format": IMAGE_FORMAT}
