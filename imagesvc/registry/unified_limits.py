"""Keystone's unified limits: what it says of projects, remembered for a while.

Both of its models: ``flat``, where a project's own limit counts, and ``strict_two_level``, where the projects of a domain together
also stay below the domain's, and those below a project, with it, below that one's.
"""

import dataclasses
import logging
import threading
import time
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from keystoneauth1 import exceptions as ksa_exceptions
from keystoneauth1 import loading

from imagesvc import exception
from imagesvc.conf import limits as options
from imagesvc.registry.ceilings import UNITS, Ceiling

LOG = logging.getLogger(__name__)

#: Seconds for which an answer counts, and for which Keystone is left alone after it failed.
_FRESH_SECONDS: Final = 30.0
_PAUSE_SECONDS: Final = 2.0
#: Seconds of one request, and of all that are needed to know one project's limits: callers wait for 15.
_REQUEST_SECONDS: Final = 4
_PATIENCE_SECONDS: Final = 8.0
#: Seconds for which work that has begun goes by what was known when Keystone was last there.
_STALE_SECONDS: Final = 86_400.0
_MOST_REMEMBERED: Final = 10_000
_STRICT: Final = "strict_two_level"

Ask = Callable[[str], Mapping[str, Any]]


@dataclasses.dataclass(frozen=True, slots=True)
class _Service:
    """What is said of this service as a whole."""

    id: str
    region: str | None
    defaults: Mapping[str, int]
    is_strict: bool


@dataclasses.dataclass(frozen=True, slots=True)
class _Known:
    value: Any
    at: float


class UnifiedLimits:
    """Reads limits; safe to share between threads and across fork.

    :param ask: GET below Keystone's /v3, the answer's JSON; raises ksa_exceptions.ClientException.
    :param conf: the group ``[oslo_limit]``.
    :param monotonic: seconds that never go back.
    """

    is_remote = True

    def __init__(self, ask: Ask, conf: Any, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._ask = ask
        self._conf = conf
        self._monotonic = monotonic
        self._known: dict[str | None, _Known] = {}
        # Whoever waits for somebody else's question about the same project asks none himself.
        self._turns = [threading.Lock() for _ in range(16)]
        self._ask_again_at = 0.0

    def of(self, project_id: str | None, *, under_way: bool = False) -> tuple[Ceiling, ...]:
        """As of :class:`imagesvc.registry.ceilings.Source`."""
        if project_id is None:
            return ()
        known = self._known.get(project_id)
        if known is not None and self._age(known) < _FRESH_SECONDS:
            return self._ceilings(known)
        try:
            return self._ceilings(self._renewed(project_id))
        except exception.LimitsUnavailable:
            if under_way and known is not None and self._age(known) < _STALE_SECONDS:
                return self._ceilings(known)
            raise

    def _age(self, known: _Known) -> float:
        return self._monotonic() - known.at

    @staticmethod
    def _ceilings(known: _Known) -> tuple[Ceiling, ...]:
        ceilings: tuple[Ceiling, ...] = known.value
        return ceilings

    def _renewed(self, project_id: str) -> _Known:
        turn = self._turns[hash(project_id) % len(self._turns)]
        if not turn.acquire(timeout=_PATIENCE_SECONDS):
            raise exception.LimitsUnavailable
        try:
            known = self._known.get(project_id)
            if known is not None and self._age(known) < _FRESH_SECONDS:
                return known
            return self._remember(project_id, self._tried(lambda ask: self._read(ask, project_id)))
        finally:
            turn.release()

    def _remember(self, key: str | None, value: Any) -> _Known:
        if len(self._known) >= _MOST_REMEMBERED:
            self._known = {}
        known = self._known[key] = _Known(value, self._monotonic())
        return known

    def _tried(self, read: Callable[[Ask], Any]) -> Any:
        """What ``read`` finds out.

        :raises LimitsUnavailable: Keystone does not say, or did not a moment ago.
        """
        started = self._monotonic()
        if started < self._ask_again_at:
            raise exception.LimitsUnavailable

        def ask(path: str) -> Mapping[str, Any]:
            if self._monotonic() - started > _PATIENCE_SECONDS:
                raise ksa_exceptions.ConnectTimeout(f"all questions together took over {_PATIENCE_SECONDS} seconds")
            return self._ask(path)

        try:
            return read(ask)
        except (ksa_exceptions.ClientException, LookupError, TypeError, ValueError) as error:
            self._ask_again_at = self._monotonic() + _PAUSE_SECONDS
            LOG.warning("Limits cannot be read from Keystone: %s: %s", type(error).__name__, error)
            raise exception.LimitsUnavailable from error

    # -- what Keystone says --------------------------------------------------------------------------

    def _read(self, ask: Ask, project_id: str) -> tuple[Ceiling, ...]:
        service = self._service(ask)
        own = _most(ask, service, "project_id", project_id)
        project = (
            _said(ask, f"/projects/{_quoted(project_id)}", {"project": None})["project"] if service.is_strict else None
        )
        if project is None:
            return (Ceiling(project_id, (project_id,), own),)
        domain, parent = project["domain_id"], project["parent_id"]
        together = _projects(ask, "domain_id", domain)
        above = [Ceiling(domain, tuple(together), _most(ask, service, "domain_id", domain))]
        if parent != domain:
            family = (parent, *_projects(ask, "parent_id", parent))
            above.append(Ceiling(parent, family, _most(ask, service, "project_id", parent)))
        below = _projects(ask, "parent_id", project_id)
        return *above, Ceiling(project_id, (project_id, *below), own)

    def _service(self, ask: Ask) -> _Service:
        known = self._known.get(None)
        if known is None or self._age(known) >= _FRESH_SECONDS:
            service_id, region = self._identity(ask)
            registered = ask(f"/registered_limits?service_id={service_id}")["registered_limits"]
            defaults = _of_region(registered, region, "default_limit")
            model = ask("/limits/model")["model"]["name"]
            known = self._remember(None, _Service(service_id, region, defaults, model == _STRICT))
        service: _Service = known.value
        return service

    def _identity(self, ask: Ask) -> tuple[str, str | None]:
        """Id of this service, and the region whose limits count."""
        conf = self._conf
        if conf.endpoint_id:
            endpoint = ask(f"/endpoints/{conf.endpoint_id}")["endpoint"]
            return endpoint["service_id"], conf.endpoint_region_name or endpoint["region_id"]
        named = f"&name={_quoted(conf.endpoint_service_name)}" if conf.endpoint_service_name else ""
        found = ask(f"/services?type={_quoted(conf.endpoint_service_type)}{named}")["services"]
        if len(found) != 1:
            raise LookupError(f"{len(found)} services of type {conf.endpoint_service_type}; set endpoint_id")
        return found[0]["id"], conf.endpoint_region_name or conf.region_name


def _said(ask: Ask, path: str, otherwise: Mapping[str, Any]) -> Mapping[str, Any]:
    """What Keystone says of an id, ``otherwise`` when it is none: an image's owner is text of any kind."""
    try:
        return ask(path)
    except (ksa_exceptions.NotFound, ksa_exceptions.BadRequest):
        return otherwise


def _most(ask: Ask, service: _Service, kind: str, of: str) -> dict[str, int]:
    """What a project or a domain may have, in bytes and images; what nothing is said of is nothing.

    :param kind: project_id or domain_id; :param of: the id.
    """
    given = _said(ask, f"/limits?service_id={service.id}&{kind}={_quoted(of)}", {"limits": []})["limits"]
    # Who may not see others' limits is shown his own instead.
    its = [limit for limit in given if limit[kind] == of]
    said = {**service.defaults, **_of_region(its, service.region, "resource_limit")}
    return {name: said.get(name, 0) * unit for name, unit in UNITS.items() if said.get(name, 0) >= 0}


def _of_region(limits: Sequence[Mapping[str, Any]], region: str | None, field: str) -> dict[str, int]:
    """Values by name, those of the region before those of none."""
    general = {limit["resource_name"]: int(limit[field]) for limit in limits if limit["region_id"] is None}
    return general | {limit["resource_name"]: int(limit[field]) for limit in limits if limit["region_id"] == region}


def _projects(ask: Ask, kind: str, of: str) -> list[str]:
    """Ids of the projects of a domain, or right below a project."""
    return [project["id"] for project in ask(f"/projects?{kind}={_quoted(of)}")["projects"]]


def _quoted(text: str) -> str:
    return urllib.parse.quote(text, safe="")


def connect(conf: Any) -> UnifiedLimits:
    """The limits of the Keystone that ``[oslo_limit]`` names; nothing is asked yet.

    :raises ConfigurationError: it names none.
    """
    group = options.GROUP
    loading.register_auth_conf_options(conf, group)
    loading.register_session_conf_options(conf, group)
    loading.register_adapter_conf_options(conf, group, include_deprecated=False)
    try:
        auth = loading.load_auth_from_conf_options(conf, group)
        session = loading.load_session_from_conf_options(conf, group, auth=auth)
        adapter = loading.load_adapter_from_conf_options(conf, group, session=session, auth=auth)
    except ksa_exceptions.ClientException as error:
        raise exception.ConfigurationError(reason=f"[{group}] cannot be used: {error}") from error
    if auth is None:
        raise exception.ConfigurationError(
            reason=f"use_keystone_limits needs an account: [{group}] auth_type is not set"
        )
    session.timeout = session.timeout or _REQUEST_SECONDS
    adapter.service_type = adapter.service_type or "identity"
    if not (adapter.min_version or adapter.max_version):
        adapter.min_version, adapter.max_version = "3.0", "3.latest"

    def ask(path: str) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = adapter.get(path).json()
        return answer

    return UnifiedLimits(ask, conf[group])
