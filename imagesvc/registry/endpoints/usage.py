"""What the caller's project uses, and may."""

from imagesvc.context import RequestContext
from imagesvc.registry.endpoints.charges import Charges
from imagesvc.rpc import dispatcher


class UsageEndpoint:
    """Shows it."""

    def __init__(self, charges: Charges) -> None:
        self._charges = charges

    @dispatcher.expose
    def usage_get(self, context: RequestContext) -> dict[str, dict[str, int]]:
        """``{name: {"usage": n, "limit": n}}``; sizes in MiB.  Nothing when projects have no limits of their own."""
        return self._charges.told(context.project_id)
