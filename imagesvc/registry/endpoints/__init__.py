"""What glance-registry answers: one class per noun, put together by :func:`make_endpoints`."""

from typing import Any

from imagesvc import policies
from imagesvc.registry.ceilings import OneForAll, Source
from imagesvc.registry.endpoints import metadefs
from imagesvc.registry.endpoints.access import Access
from imagesvc.registry.endpoints.actions import ActionEndpoint
from imagesvc.registry.endpoints.charges import Charges
from imagesvc.registry.endpoints.cleanup import CleanupEndpoint
from imagesvc.registry.endpoints.health import HealthEndpoint
from imagesvc.registry.endpoints.images import ImageEndpoint
from imagesvc.registry.endpoints.locations import LocationEndpoint
from imagesvc.registry.endpoints.members import MemberEndpoint
from imagesvc.registry.endpoints.tags import TagEndpoint
from imagesvc.registry.endpoints.tasks import TaskEndpoint
from imagesvc.registry.endpoints.transactions import Transactions
from imagesvc.registry.endpoints.uploads import UploadEndpoint
from imagesvc.registry.endpoints.usage import UsageEndpoint
from imagesvc.registry.limits import Limits, storage_quota


def make_endpoints(conf: Any, transactions: Transactions, source: Source | None = None) -> list[Any]:
    """All endpoints of one process.

    :param source: knows what projects may have, if not the one that is configured.
    :raises ConfigurationError: a quota, the policy file, the file of property protections or the account at Keystone cannot
        be used.
    """
    enforcer = policies.Enforcer(conf)
    access = Access(enforcer, policies.Protections.from_conf(conf, enforcer))
    limits = Limits.from_conf(conf)
    charges = Charges(transactions, source or _limits(conf))
    lease_seconds, keep_hours = conf.registry.upload_lease, conf.task.task_time_to_live
    return [
        ImageEndpoint(transactions, charges, access, limits, keep_hours),
        MemberEndpoint(transactions, access, limits),
        TagEndpoint(transactions, access, limits),
        ActionEndpoint(transactions, access),
        TaskEndpoint(transactions, access, keep_hours),
        UploadEndpoint(transactions, charges, access, limits, lease_seconds),
        LocationEndpoint(transactions, charges, access, limits, lease_seconds, keep_hours),
        UsageEndpoint(charges),
        *metadefs.make_endpoints(transactions, enforcer),
        CleanupEndpoint(transactions),
        HealthEndpoint(transactions),
    ]


def _limits(conf: Any) -> Source:
    if not conf.use_keystone_limits:
        return OneForAll(storage_quota(conf.user_storage_quota))
    # What talks to Keystone is loaded only where it is used.
    from imagesvc.registry import unified_limits

    return unified_limits.connect(conf)
