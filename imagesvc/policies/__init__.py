"""Who may do what: rules with documented defaults, one file per noun, and the one place that asks them.

glance-registry asks with the loaded row as target; glance-api asks the rules that have no row.  Both read the same
``policy.yaml``.
"""

from oslo_config import cfg
from oslo_policy import opts, policy

from imagesvc import conf
from imagesvc.policies.enforcer import Enforcer
from imagesvc.policies.protections import Protections
from imagesvc.policies.rules import list_rules
from imagesvc.policies.target import ImageTarget

__all__ = ["Enforcer", "ImageTarget", "Protections", "get_enforcer", "list_rules"]


def get_enforcer() -> policy.Enforcer:
    """oslo.policy's own enforcer with our defaults, for the oslopolicy tools."""
    given = cfg.CONF.config_file if "config_file" in cfg.CONF else []
    # The tool has parsed its own arguments into the global object, which takes no further options after that.
    own = cfg.ConfigOpts()
    conf.parse_args(own, [f"--config-file={path}" for path in given], "glance-registry")
    enforcer = policy.Enforcer(own)
    enforcer.register_defaults(list_rules())
    # oslopolicy-validator looks for the file in the global object.
    opts.set_defaults(cfg.CONF, policy_file=own.oslo_policy.policy_file)
    return enforcer
