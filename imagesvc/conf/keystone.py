"""Options of ``[keystone_authtoken]`` beside keystonemiddleware's own, and this service's defaults for those."""

from oslo_config import cfg

GROUP = "keystone_authtoken"

_OLD = "Older name: see {}."

#: What releases before auth_type used; glance-api makes auth_type, auth_url and so on of it.
OLDER = [
    cfg.StrOpt("auth_uri", help=_OLD.format("www_authenticate_uri")),
    cfg.StrOpt("identity_uri", help=_OLD.format("auth_url")),
    cfg.StrOpt("auth_host", help=_OLD.format("auth_url, which is made of auth_protocol, auth_host and auth_port")),
    cfg.PortOpt("auth_port", default=35357, help=_OLD.format("auth_host")),
    cfg.StrOpt("auth_protocol", default="https", choices=["http", "https"], help=_OLD.format("auth_host")),
    cfg.StrOpt("auth_admin_prefix", default="", help=_OLD.format("auth_url, whose path it begins")),
    cfg.StrOpt("admin_user", help=_OLD.format("username")),
    cfg.StrOpt("admin_password", secret=True, help=_OLD.format("password")),
    cfg.StrOpt("admin_tenant_name", default="admin", help=_OLD.format("project_name")),
    cfg.StrOpt(
        "admin_token",
        secret=True,
        help="Refused: Keystone gives a service no identity by a shared token any more. See auth_type.",
    ),
]

OWN = [
    cfg.IntOpt(
        "token_memory_time",
        default=10,
        min=0,
        help="Seconds each process remembers what a token stands for, without asking memcached or Keystone; 0 turns that off. A revoked token may go on working for this long after token_cache_time.",
    ),
]

GROUPS = {GROUP: [*OWN, *OLDER]}


def set_defaults() -> None:
    """Change the defaults that keystonemiddleware's own options are declared with.

    The catalog is not asked for: nothing here reads it, and it is most of what Keystone would send with a token.  The
    type of the service lets application credentials with access rules work.
    """
    # Imported only where it is used or documented: glance-registry needs none of it.
    from keystonemiddleware import auth_token

    for group, options in auth_token.AUTH_TOKEN_OPTS:
        if group == GROUP:
            cfg.set_defaults(options, include_service_catalog=False, service_type="image", http_connect_timeout=10)
