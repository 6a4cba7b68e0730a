"""Building blocks of all rules, and the rules that other rules are made of.

Defaults are those of secure RBAC: keystone makes admin imply member and member imply reader.  The target of a rule about
an image has the image's fields and custom properties, and besides ``image_id``, ``project_id`` (its owner) and
``member_id`` (the caller's project, when the image is shared with it).  A target never has a name whose value is null, so
that a caller without project never equals an image without owner.
"""

from collections.abc import Sequence

from oslo_policy import policy

from imagesvc import __version__

ADMIN = "rule:context_is_admin"
MEMBER = "role:member and project_id:%(project_id)s"
READER = "role:reader and project_id:%(project_id)s"

ADMIN_OR_MEMBER = f"{ADMIN} or ({MEMBER})"
ADMIN_OR_READER = f"{ADMIN} or ({READER})"

#: Whose image may be read: the owner's, the member's, everybody's.  Whether a *shared* image is shared with the caller is
#: decided before any rule is asked.
_VISIBLE = (
    "project_id:%(project_id)s or project_id:%(member_id)s or "
    "'community':%(visibility)s or 'public':%(visibility)s or 'shared':%(visibility)s"
)


def admin_or_visible(role: str) -> str:
    """Rule text: administrators, and who has ``role`` on an image they may see."""
    return f"{ADMIN} or (role:{role} and ({_VISIBLE}))"


def rule(
    name: str, check: str, description: str, operations: Sequence[tuple[str, str]], open_before: bool = True
) -> policy.DocumentedRuleDefault:
    """One documented default.

    :param operations: (method, path) pairs of the Images API that ask this rule.
    :param open_before: whether the rule let everybody pass before secure RBAC; ``[oslo_policy] enforce_new_defaults =
        False`` brings that back, and ownership is then checked in code.
    """
    deprecated = policy.DeprecatedRule(
        name,
        "",
        deprecated_reason="Rules have had no role requirement before secure RBAC.",
        deprecated_since=__version__,
    )
    return policy.DocumentedRuleDefault(
        name,
        check,
        description,
        [{"method": method, "path": path} for method, path in operations],
        scope_types=["project"],
        deprecated_rule=deprecated if open_before else None,
    )


RULES = [
    policy.RuleDefault(
        "default",
        "role:admin",
        "For rules in a policy file that refer to it. Names that no rule is known for are always denied.",
    ),
    policy.RuleDefault(
        "context_is_admin", "role:admin", "Who is an administrator of the Image service.", scope_types=["project"]
    ),
    policy.RuleDefault(
        "service_api",
        "role:service or role:admin",
        "Who may use what is made for other services.",
        scope_types=["project"],
    ),
]
