"""Locations that clients name: may they be used, and what is there."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from oslo_config import cfg

from imagesvc import exception, objects
from imagesvc.store.manager import StoreManager

LOG = logging.getLogger(__name__)

#: More in one request would keep its client waiting for too many servers.
_MOST_LOCATIONS = 50

_WEB = frozenset({"http", "https"})

Change = dict[str, Any]


class Examiner:
    """Looks at locations before the registry decides about them: which store they are in, and how large their data is.

    What is wrong with one is told to the registry, too, because it says first whether there is such an image at all.

    :param gate: raises when a URL leads where this service must not go.
    """

    def __init__(self, stores: StoreManager, conf: cfg.ConfigOpts, gate: Callable[[str], object]) -> None:
        self._stores = stores
        self._gate = gate
        self._algorithm: str = conf.hashing_algorithm
        self._weights = {store.id: store.weight for store in stores.describe() if store.weight} if stores.multi else {}

    def complete(self, changes: Sequence[Change]) -> list[Change]:
        """Changes of a PATCH, with all that :func:`imagesvc.registry.locations.apply` needs.

        :raises LimitExceeded: they are about too many locations.
        """
        named = [location["url"] for change in changes for location in _locations_of(change)]
        if len(named) > _MOST_LOCATIONS:
            raise exception.LimitExceeded(reason=f"A request may name at most {_MOST_LOCATIONS} locations.")
        facts = {url: self._look(url) for url in dict.fromkeys(named)}
        return [self._completed(change, facts) if _is_about_locations(change) else change for change in changes]

    def _completed(self, change: Change, facts: Mapping[str, Mapping[str, Any]]) -> Change:
        completed = {**change, "weights": self._weights, "algorithm": self._algorithm}
        if "value" in change:
            value = [_with_facts(location, facts[location["url"]]) for location in _locations_of(change)]
            completed["value"] = value if isinstance(change["value"], list) else value[0]
        return completed

    def _look(self, url: str) -> dict[str, Any]:
        """``{"store": id or None, "size": bytes}`` of what is at a URL, or ``{"fault": why it cannot be used}``."""
        if url.partition(":")[0].lower() not in _WEB:
            return {"fault": "it is no http or https URL"}
        try:
            store = self.store_of(url)
            size = self._stores.size(objects.Location(url, {"store": store} if store else {}))
        except (exception.Invalid, exception.NotFound, exception.Unavailable) as exc:
            return {"fault": _why(exc)}
        if size is None:
            return {"fault": "its server does not tell how large the data is"}
        return {"store": store, "size": size}

    def place(self, url: str) -> dict[str, Any]:
        """``{"url": as its store spells it, "store": id or None}`` for a URL, with ``fault`` if it cannot be used.

        Its server is not asked for anything yet.
        """
        try:
            if url.partition(":")[0].lower() in _WEB:
                return {"url": url, "store": self.store_of(url)}
            location = objects.Location(url)
            spelled = self._stores.spelled(location)
            return {"url": spelled, "store": self._stores.store_of(location) if self._stores.multi else None}
        except exception.Unavailable:
            return {"url": url, "store": None, "fault": "no store of this service serves it"}
        except exception.Invalid as exc:
            return {"url": url, "store": None, "fault": exc.msg}

    def store_of(self, url: str) -> str | None:
        """The id of the store that serves a URL which may be used, None in single-store form.

        :raises Invalid, StoreUnavailable: it may not.
        """
        self._gate(url)
        store = self._stores.store_of(objects.Location(url))
        return store if self._stores.multi else None


def _is_about_locations(change: Change) -> bool:
    return bool(change.get("path")) and change["path"][0] == "locations"


def _locations_of(change: Change) -> list[dict[str, Any]]:
    value = change.get("value") if _is_about_locations(change) else None
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _with_facts(location: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    metadata = {name: value for name, value in location["metadata"].items() if name not in {"store", "backend"}}
    if store := facts.get("store"):
        metadata["store"] = store
    told = {name: facts[name] for name in ("size", "fault") if name in facts}
    return {**location, "metadata": metadata, **told}


def _why(exc: exception.ImageServiceError) -> str:
    if isinstance(exc, exception.NotFound):
        return "there is nothing at its URL"
    return "its server cannot be reached or refuses" if isinstance(exc, exception.Unavailable) else exc.msg
