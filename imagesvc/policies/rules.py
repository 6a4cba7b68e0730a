"""All rules of all nouns."""

from oslo_policy import policy

from imagesvc.policies import actions, base, images, info, locations, members, metadefs, tasks, uploads

_MODULES = (base, images, uploads, locations, members, actions, tasks, metadefs, info)


def list_rules() -> list[policy.RuleDefault]:
    """All defaults, for the enforcer and for oslopolicy-sample-generator."""
    return [rule for module in _MODULES for rule in module.RULES]
