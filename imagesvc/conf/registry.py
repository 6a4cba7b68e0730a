"""Options of glance-registry."""

from oslo_config import cfg

REGISTRY = [
    cfg.HostAddressOpt("bind_host", default="127.0.0.1", help="Address of glance-registry's health endpoint."),
    cfg.PortOpt("bind_port", default=9191, help="TCP port of glance-registry's health endpoint."),
    cfg.IntOpt(
        "workers",
        min=1,
        help="Number of worker processes of glance-registry, each of which takes about 100 MiB of memory and connections of its own to the database, see max_pool_size. Unset means the number of CPUs, at most 8.",
    ),
    cfg.IntOpt(
        "reaper_interval", default=5, min=1, help="Seconds between two looks for uploads whose lease has run out."
    ),
    cfg.IntOpt(
        "upload_lease",
        default=30,
        min=2,
        help="Seconds after which an upload whose glance-api gives no sign of life is aborted; glance-api renews the lease three times within it.",
    ),
    cfg.IntOpt(
        "operation_retention",
        default=3600,
        min=60,
        help="Seconds the results of finished calls are kept so that a repeated call gets the same answer.",
    ),
]

GROUPS = {"registry": REGISTRY}
