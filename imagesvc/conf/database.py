"""Options of the database; read by glance-registry and glance-manage alone, glance-api ignores the section altogether.

Names and defaults are those of oslo.db, and so are the older spellings, some of which current oslo.db has dropped; but for
``max_pool_size``, because a connection beyond it is opened and closed again for each request.
"""

from oslo_config import cfg


def _older(*names: str) -> list[cfg.DeprecatedOpt]:
    """Former spellings, given as ``group/name``."""
    return [cfg.DeprecatedOpt(name.split("/")[1], group=name.split("/")[0]) for name in names]


DATABASE = [
    cfg.StrOpt(
        "connection",
        secret=True,
        deprecated_opts=_older("DEFAULT/sql_connection", "DATABASE/sql_connection", "sql/connection"),
        help="SQLAlchemy URL of the database, for example mysql+pymysql://glance:SECRET@controller/glance. Unset means the file glance.sqlite in state_path.",
    ),
    cfg.StrOpt(
        "connection_parameters",
        default="",
        help="Parameters to append to the database URL, in the form param1=value1&param2=value2.",
    ),
    cfg.StrOpt(
        "mysql_sql_mode",
        default="TRADITIONAL",
        help="SQL mode of MySQL sessions; empty keeps the server's.",
    ),
    cfg.IntOpt(
        "mysql_wsrep_sync_wait",
        help="Galera only: wsrep_sync_wait of new connections. Unset keeps the server's.",
    ),
    cfg.IntOpt(
        "connection_recycle_time",
        default=3600,
        deprecated_opts=_older(
            "DEFAULT/sql_idle_timeout",
            "DATABASE/sql_idle_timeout",
            "sql/idle_timeout",
            "database/idle_timeout",
        ),
        help="Seconds after which a pooled connection is replaced the next time it is wanted.",
    ),
    cfg.IntOpt(
        "max_pool_size",
        default=16,
        min=0,
        deprecated_opts=_older("DEFAULT/sql_max_pool_size", "DATABASE/sql_max_pool_size"),
        help="Connections a worker keeps open; 0 means no limit. Raise it where more requests than that are at a worker at a time; those of all workers of all hosts, with max_overflow, must fit below what the server takes.",
    ),
    cfg.IntOpt(
        "max_overflow",
        default=50,
        deprecated_opts=_older("DEFAULT/sql_max_overflow", "DATABASE/sqlalchemy_max_overflow"),
        help="Connections a worker may open beyond max_pool_size while it is busy.",
    ),
    cfg.IntOpt(
        "pool_timeout",
        default=10,
        min=0,
        deprecated_opts=_older("DATABASE/sqlalchemy_pool_timeout"),
        help="Seconds to wait for a connection when all are in use; then the request is answered 503.",
    ),
    cfg.IntOpt(
        "max_retries",
        default=10,
        min=-1,
        deprecated_opts=_older("DEFAULT/sql_max_retries", "DATABASE/sql_max_retries"),
        help="How often glance-manage tries to reach the database before it gives up; -1 for no end. glance-registry starts without it and tries on every request.",
    ),
    cfg.IntOpt(
        "retry_interval",
        default=10,
        min=0,
        deprecated_opts=_older("DEFAULT/sql_retry_interval", "DATABASE/reconnect_interval"),
        help="Seconds between two of these tries.",
    ),
    cfg.IntOpt(
        "connection_debug",
        default=0,
        min=0,
        max=100,
        deprecated_opts=_older("DEFAULT/sql_connection_debug"),
        help="Verbosity of SQLAlchemy's logging: 0 none, 50 statements, 100 statements and results.",
    ),
    cfg.BoolOpt(
        "connection_trace",
        default=False,
        deprecated_opts=_older("DEFAULT/sql_connection_trace"),
        help="Append the calling line of code to statements as a comment (not on SQLite).",
    ),
]

DEFAULT = [
    cfg.StrOpt(
        "metadata_encryption_key",
        secret=True,
        help="Key of 16, 24 or 32 characters with which URLs of locations are encrypted in the database, in Glance's form. Those that were written without it, or before it was set, can be read all the same. glance-registry must know of it.",
    )
]

GROUPS = {"database": DATABASE, "DEFAULT": DEFAULT}
