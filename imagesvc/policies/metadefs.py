"""Rules about metadata definitions: namespaces and what they consist of.

The target of a rule is the namespace concerned, with ``project_id`` as another name of its owner.  Whether the caller may know
of the namespace at all is decided before any rule is asked.
"""

from collections.abc import Sequence

from oslo_policy import policy

from imagesvc import __version__
from imagesvc.policies import base

_READER_OR_PUBLIC = f"{base.ADMIN} or (role:reader and (project_id:%(project_id)s or 'public':%(visibility)s))"
_WRITER = "rule:metadef_admin"

_METADEFS = "/v2/metadefs"
_NAMESPACES = f"{_METADEFS}/namespaces"
_NAMESPACE = f"{_NAMESPACES}/{{namespace_name}}"
_TYPES = f"{_NAMESPACE}/resource_types"
_OBJECTS, _OBJECT = f"{_NAMESPACE}/objects", f"{_NAMESPACE}/objects/{{object_name}}"
_PROPERTIES, _PROPERTY = f"{_NAMESPACE}/properties", f"{_NAMESPACE}/properties/{{property_name}}"
_TAGS, _TAG = f"{_NAMESPACE}/tags", f"{_NAMESPACE}/tags/{{tag_name}}"

#: Rule, description, method and paths of the Images API that ask it.
_READ = (
    ("get_metadef_namespace", "Show a namespace.", "GET", [_NAMESPACE]),
    ("get_metadef_objects", "List the objects of a namespace.", "GET", [_OBJECTS]),
    ("get_metadef_object", "Show an object of a namespace.", "GET", [_OBJECT]),
    ("get_metadef_properties", "List the properties of a namespace.", "GET", [_PROPERTIES]),
    ("get_metadef_property", "Show a property of a namespace.", "GET", [_PROPERTY]),
    ("get_metadef_tags", "List the tags of a namespace.", "GET", [_TAGS]),
    ("get_metadef_tag", "Show a tag of a namespace.", "GET", [_TAG]),
    ("get_metadef_resource_type", "List the resource types that a namespace is for.", "GET", [_TYPES]),
    ("list_metadef_resource_types", "List all resource types.", "GET", [f"{_METADEFS}/resource_types"]),
)
_WRITE = (
    ("add_metadef_namespace", "Create a namespace.", "POST", [_NAMESPACES]),
    ("modify_metadef_namespace", "Change a namespace.", "PUT", [_NAMESPACE]),
    (
        "delete_metadef_namespace",
        "Delete a namespace, or all its objects, properties or tags.",
        "DELETE",
        [_NAMESPACE, _OBJECTS, _PROPERTIES, _TAGS],
    ),
    ("add_metadef_object", "Create an object in a namespace.", "POST", [_OBJECTS]),
    ("modify_metadef_object", "Change an object of a namespace.", "PUT", [_OBJECT]),
    ("delete_metadef_object", "Delete an object of a namespace.", "DELETE", [_OBJECT]),
    ("add_metadef_property", "Create a property in a namespace.", "POST", [_PROPERTIES]),
    ("modify_metadef_property", "Change a property of a namespace.", "PUT", [_PROPERTY]),
    ("remove_metadef_property", "Delete a property of a namespace.", "DELETE", [_PROPERTY]),
    ("add_metadef_tag", "Create a tag in a namespace.", "POST", [_TAG]),
    ("add_metadef_tags", "Replace the tags of a namespace, or add several.", "POST", [_TAGS]),
    ("modify_metadef_tag", "Rename a tag of a namespace.", "PUT", [_TAG]),
    ("delete_metadef_tag", "Delete a tag of a namespace.", "DELETE", [_TAG]),
    ("delete_metadef_tags", "Delete all tags of a namespace.", "DELETE", [_TAGS]),
    ("add_metadef_resource_type_association", "Say that a namespace is for a resource type.", "POST", [_TYPES]),
    (
        "remove_metadef_resource_type_association",
        "Say that a namespace is no longer for a resource type.",
        "DELETE",
        [f"{_TYPES}/{{name}}"],
    ),
)


def _rule(
    name: str, check: str, description: str, method: str, paths: Sequence[str], before: str | None = None
) -> policy.DocumentedRuleDefault:
    """One documented default; ``before`` is what it was before secure RBAC, if that was something else."""
    deprecated = None
    if before is not None:
        deprecated = policy.DeprecatedRule(
            name,
            before,
            deprecated_reason="Rules have had no role requirement before secure RBAC.",
            deprecated_since=__version__,
        )
    return policy.DocumentedRuleDefault(
        name,
        check,
        description,
        [{"method": method, "path": path} for path in paths],
        scope_types=["project"],
        deprecated_rule=deprecated,
    )


RULES = [
    policy.RuleDefault(
        "metadef_default", "", "Who may read metadata definitions before secure RBAC.", scope_types=["project"]
    ),
    policy.RuleDefault("metadef_admin", base.ADMIN, "Who may write metadata definitions.", scope_types=["project"]),
    _rule(
        "get_metadef_namespaces", base.ADMIN_OR_READER, "List namespaces.", "GET", [_NAMESPACES], "rule:metadef_default"
    ),
    *(
        _rule(name, _READER_OR_PUBLIC, description, method, paths, "rule:metadef_default")
        for name, description, method, paths in _READ
    ),
    *(_rule(name, _WRITER, description, method, paths) for name, description, method, paths in _WRITE),
]
