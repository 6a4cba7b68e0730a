"""Who is asking: the request context, and the part of it that travels on the bus."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any, Self

from oslo_context import context as oslo_context

#: What glance-registry needs to authorize and to log.  No token and no service catalog: the bus must not see them.
_BUS_FIELDS = (
    "request_id",
    "global_request_id",
    "user_id",
    "project_id",
    "domain_id",
    "user_domain_id",
    "project_domain_id",
    "system_scope",
    "roles",
    "service_roles",
    "read_only",
)


class RequestContext(oslo_context.RequestContext):
    """The identity a request acts with.

    ``is_admin`` is never believed from outside: each daemon computes it from ``roles`` with the policy rule
    ``context_is_admin`` (see :mod:`imagesvc.policies`).
    """

    #: In glance-registry only, set for one call: the operation's id (None for reads), what a repetition of it must match,
    #: and the registry time in milliseconds after which nobody waits for the outcome.
    op_id: str | None = None
    request_hash: str | None = None
    deadline: int = 0

    @property
    def owner(self) -> str | None:
        """The project that owns what this request creates."""
        owner: str | None = self.project_id
        return owner

    def to_bus(self) -> dict[str, Any]:
        """The JSON-safe part that may travel to glance-registry."""
        return {name: getattr(self, name) for name in _BUS_FIELDS}

    @classmethod
    def from_bus(cls, fields: Mapping[str, Any]) -> Self:
        """The inverse of :meth:`to_bus`; unknown keys are ignored.

        Does not become the thread's current context by itself: the dispatcher decides that.
        """
        known = {name: fields[name] for name in _BUS_FIELDS if name in fields}
        with _current_kept():
            return cls(overwrite=False, **known)

    @contextlib.contextmanager
    def as_current(self) -> Iterator[None]:
        """Be the context that oslo.log writes into this thread's lines, for a while."""
        with _current_kept():
            self.update_store()
            yield


@contextlib.contextmanager
def _current_kept() -> Iterator[None]:
    before = oslo_context.get_current()
    try:
        yield
    finally:
        oslo_context._request_store.context = before  # noqa: SLF001 -- there is no public way back
