"""Options of the seam between glance-api and glance-registry."""

from oslo_config import cfg

RPC = [
    cfg.IntOpt(
        "try_timeout",
        default=5,
        min=1,
        help="Seconds glance-api waits for one answer of glance-registry before it asks again.",
    ),
    cfg.IntOpt(
        "metadata_deadline",
        default=15,
        min=1,
        help="Seconds after which glance-api gives up on a metadata operation and answers 503.",
    ),
    cfg.IntOpt(
        "commit_deadline",
        default=30,
        min=1,
        help="Seconds after which glance-api gives up on the operation that completes an upload.",
    ),
    cfg.IntOpt("max_request_size", default=1048576, min=65536, help="Largest request to glance-registry in bytes."),
    cfg.IntOpt("max_reply_size", default=8388608, min=65536, help="Largest reply of glance-registry in bytes."),
    cfg.StrOpt(
        "signing_key_file",
        help="File with the keys that sign messages on rabbit://, the same for both daemons on all hosts. `glance-manage rpc_key"
        " create` makes it. Others must not be able to read it. A changed file is noticed within a second. Needed with"
        " rabbit://, not used with local://.",
    ),
]

UPGRADE_LEVELS = [
    cfg.StrOpt("registry", help="Highest version of the RPC API to use, for rolling upgrades; unset uses the newest."),
]

GROUPS = {"rpc": RPC, "upgrade_levels": UPGRADE_LEVELS}
