"""Options of the HTTP server of glance-api, and the process as such."""

from oslo_config import cfg

DEFAULT = [
    cfg.StrOpt(
        "state_path",
        default="/var/lib/glance",
        help="Directory for all state that has no option of its own: the default SQLite database, the sockets of the local:// transport, the default image store.",
    ),
    cfg.HostAddressOpt(
        "bind_host",
        help="Address glance-api listens on. Unset means 127.0.0.1 while [paste_deploy] flavor lets every caller be an administrator, and 0.0.0.0 where callers identify themselves: with keystone, basic or trusted-auth.",
    ),
    cfg.PortOpt("bind_port", default=9292, help="TCP port glance-api listens on."),
    cfg.IntOpt(
        "workers",
        min=0,
        help="Number of worker processes of glance-api, each of which takes about 100 MiB of memory and serves many requests at a time. Unset means the number of CPUs, at most 8; 0 serves in the master process itself.",
    ),
    cfg.IntOpt("backlog", default=4096, min=1, help="Length of the kernel's queue of connections not yet accepted."),
    cfg.IntOpt(
        "tcp_keepidle", default=600, min=1, help="Seconds a connection is idle before TCP keepalive probes start."
    ),
    cfg.IntOpt(
        "max_header_line",
        default=16384,
        min=1024,
        help="Longest accepted header line in bytes; large tokens need more.",
    ),
    cfg.BoolOpt("http_keepalive", default=True, help="Keep connections open for further requests."),
    cfg.IntOpt(
        "client_socket_timeout",
        default=900,
        min=0,
        help="Seconds an operation on a client's socket may take; 0 waits for ever.",
    ),
    cfg.IntOpt("header_timeout", default=30, min=1, help="Seconds within which a request's headers must have arrived."),
    cfg.IntOpt(
        "body_idle_timeout",
        default=60,
        min=1,
        help="Seconds without a byte of a request's body after which the connection is closed.",
    ),
    cfg.IntOpt(
        "min_transfer_rate",
        default=0,
        min=0,
        help="Bytes per second that a client must send of a request's body, and take of an answer, on average over 30 seconds that were spent waiting for it; a slower transfer is cut off. 0 demands nothing.",
    ),
    cfg.IntOpt(
        "transfer_niceness",
        default=10,
        min=0,
        max=19,
        help="How far below the rest of glance-api the threads run that hash, store and send image data and check passwords, as in nice(1). Raise it where small requests wait for transfers, lower it where other programs on the host take the CPU from transfers.",
    ),
    cfg.IntOpt(
        "graceful_shutdown_timeout",
        default=60,
        min=0,
        help="Seconds that transfers in flight get to finish after SIGTERM or SIGHUP.",
    ),
    cfg.StrOpt("cert_file", help="Certificate file (PEM); with key_file it makes glance-api serve TLS."),
    cfg.StrOpt("key_file", help="Private key file (PEM) of cert_file."),
    cfg.StrOpt("ca_file", help="CA file to verify clients' certificates with; set, a client certificate is required."),
    cfg.HostDomainOpt(
        "host",
        help="Name of this host in upload leases and in the registry's server name. It must be another one for each glance-api, or they take each other's unfinished uploads for their own. Unset means the host name.",
    ),
]

GROUPS = {"DEFAULT": DEFAULT}
