"""What glance-registry answers: one class per noun, put together by :func:`make_endpoints`."""

from typing import Any

from imagesvc import policies
from imagesvc.registry.endpoints import metadefs
from imagesvc.registry.endpoints.access import Access
from imagesvc.registry.endpoints.actions import ActionEndpoint
from imagesvc.registry.endpoints.cleanup import CleanupEndpoint
from imagesvc.registry.endpoints.health import HealthEndpoint
from imagesvc.registry.endpoints.images import ImageEndpoint
from imagesvc.registry.endpoints.members import MemberEndpoint
from imagesvc.registry.endpoints.tags import TagEndpoint
from imagesvc.registry.endpoints.tasks import TaskEndpoint
from imagesvc.registry.endpoints.transactions import Transactions
from imagesvc.registry.endpoints.uploads import UploadEndpoint
from imagesvc.registry.limits import Limits


def make_endpoints(conf: Any, transactions: Transactions) -> list[Any]:
    """All endpoints of one process.

    :raises ConfigurationError: a quota, the policy file or the file of property protections cannot be read.
    """
    enforcer = policies.Enforcer(conf)
    access = Access(enforcer, policies.Protections.from_conf(conf, enforcer))
    limits = Limits.from_conf(conf)
    return [
        ImageEndpoint(transactions, access, limits),
        MemberEndpoint(transactions, access, limits),
        TagEndpoint(transactions, access, limits),
        ActionEndpoint(transactions, access),
        TaskEndpoint(transactions, access, conf.task.task_time_to_live),
        UploadEndpoint(transactions, access, limits, conf.registry.upload_lease),
        *metadefs.make_endpoints(transactions, enforcer),
        CleanupEndpoint(transactions),
        HealthEndpoint(transactions),
    ]
