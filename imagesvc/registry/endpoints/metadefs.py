"""The endpoints of metadata definitions, put together."""

from typing import Any

from imagesvc import policies
from imagesvc.registry.endpoints.metadef_access import MetadefAccess
from imagesvc.registry.endpoints.metadef_namespaces import MetadefNamespaceEndpoint
from imagesvc.registry.endpoints.metadef_objects import MetadefObjectEndpoint
from imagesvc.registry.endpoints.metadef_properties import MetadefPropertyEndpoint
from imagesvc.registry.endpoints.metadef_resource_types import MetadefResourceTypeEndpoint
from imagesvc.registry.endpoints.metadef_tags import MetadefTagEndpoint
from imagesvc.registry.endpoints.transactions import Transactions


def make_endpoints(transactions: Transactions, enforcer: policies.Enforcer) -> list[Any]:
    """All of them for one process."""
    access = MetadefAccess(enforcer)
    return [
        MetadefNamespaceEndpoint(transactions, access),
        MetadefObjectEndpoint(transactions, access),
        MetadefPropertyEndpoint(transactions, access),
        MetadefTagEndpoint(transactions, access),
        MetadefResourceTypeEndpoint(transactions, access),
    ]
