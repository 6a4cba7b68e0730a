"""Rules about the projects an image is shared with.

The target of a rule about one member has his project as ``member_id``.
"""

from imagesvc.policies import base

_MEMBERS = "/v2/images/{image_id}/members"
_MEMBER = "/v2/images/{image_id}/members/{member_id}"
_READ = f"{base.ADMIN} or (role:reader and (project_id:%(project_id)s or project_id:%(member_id)s))"

RULES = [
    base.rule("add_member", base.ADMIN_OR_MEMBER, "Share an image with a project.", [("POST", _MEMBERS)]),
    base.rule("get_member", _READ, "Show a member of an image.", [("GET", _MEMBER)]),
    base.rule("get_members", _READ, "List the members of an image.", [("GET", _MEMBERS)]),
    base.rule(
        "modify_member",
        f"{base.ADMIN} or (role:member and project_id:%(member_id)s)",
        "Accept or reject an image that is shared with the caller's project.",
        [("PUT", _MEMBER)],
    ),
    base.rule("delete_member", base.ADMIN_OR_MEMBER, "Share an image with a project no more.", [("DELETE", _MEMBER)]),
]
