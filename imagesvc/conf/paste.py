"""Which pipeline of api-paste.ini is served."""

from oslo_config import cfg

PASTE_DEPLOY = [
    cfg.StrOpt(
        "flavor",
        # Where an installation guide put it by mistake: better found there than a service open to everybody.
        deprecated_group="keystone_authtoken",
        help="Pipeline to serve: unset, keystone, basic, trusted-auth, caching, cachemanagement, keystone+caching, keystone+cachemanagement or trusted-auth+cachemanagement.",
    ),
    cfg.StrOpt(
        "config_file",
        help="Paste file. Unset means glance-api-paste.ini or api-paste.ini beside the configuration file, else the one that came with the service.",
    ),
]

GROUPS = {"paste_deploy": PASTE_DEPLOY}
