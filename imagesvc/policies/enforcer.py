"""Asks oslo.policy's rules, fast."""

import logging
import re
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from oslo_context import context as oslo_context
from oslo_policy import _checks, policy

from imagesvc import exception
from imagesvc.policies import compile as compiler
from imagesvc.policies.rules import list_rules

LOG = logging.getLogger(__name__)

#: Seconds within which a change of the policy file takes effect.
_LOOK_EVERY = 1.0

_EMPTY: Mapping[str, Any] = {}


class Enforcer:
    """Decides by the policy file and the defaults in code; a name that no rule is known for is denied.

    A policy file that cannot be read stops the start; one that becomes unreadable later changes nothing, and says so in
    the log.

    :param conf: configuration with ``[oslo_policy]``.
    :param monotonic: seconds that never go back.
    :raises ConfigurationError: the policy file cannot be parsed.
    """

    def __init__(self, conf: Any, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._oslo = policy.Enforcer(conf)
        self._oslo.suppress_default_change_warnings = True
        self._oslo.register_defaults(list_rules())
        self._scopes = {name: rule.scope_types for name, rule in self._oslo.registered_rules.items()}
        self._monotonic = monotonic
        self._look_at = monotonic() + _LOOK_EVERY
        self._loading = threading.Lock()
        self._complaint = ""
        #: Rules as oslo.policy had them when they were compiled last; a file that is read again makes others.
        self._compiled_from: dict[str, Any] = {}
        self._decisions: dict[str, compiler.Decision] = {}
        #: With the old defaults, rules without roles let everybody pass: who asks must then check ownership himself.
        self.ownership_in_code: bool = not conf.oslo_policy.enforce_new_defaults
        try:
            self._decisions = self._load()
        except Exception as error:
            raise exception.ConfigurationError(
                reason=f"the policy file {conf.oslo_policy.policy_file} cannot be used: {error}"
            ) from error

    def authorize(self, context: oslo_context.RequestContext, rule: str, target: Mapping[str, Any] = _EMPTY) -> None:
        """Raise Forbidden, naming ``rule``, unless the caller may do this to ``target``."""
        if not self.allows(context, rule, target):
            raise exception.Forbidden(action=rule)

    def allows(self, context: oslo_context.RequestContext, rule: str, target: Mapping[str, Any] = _EMPTY) -> bool:
        """Whether the caller may do this to ``target``."""
        if self._monotonic() >= self._look_at:
            self._look_again()
        decide = self._decisions.get(rule)
        if decide is None:
            LOG.warning("denied: there is no policy rule %s", rule)
            return False
        creds = _credentials(context)
        scopes = self._scopes.get(rule)
        if scopes and creds["token_scope"] not in scopes:
            return False
        return decide(target, creds)

    def is_admin(self, context: oslo_context.RequestContext) -> bool:
        """Whether the caller is an administrator, by roles and never by what the caller says."""
        return self.allows(context, "context_is_admin")

    def _load(self) -> dict[str, compiler.Decision]:
        self._oslo.load_rules()
        for name, rule in self._oslo.file_rules.items():
            fault = self._fault(rule)
            if fault:
                raise ValueError(f"{self._place(name)}the rule {name} {fault}")
        rules = dict(self._oslo.rules)
        if rules == self._compiled_from:
            return self._decisions
        decisions = compiler.compile_rules(rules, self._oslo)
        self._compiled_from = rules
        return decisions

    def _fault(self, rule: policy.RuleDefault) -> str:
        """What is wrong with an operator's rule; oslo.policy denies what it cannot understand and goes on."""
        if _denials(rule.check) > str(rule.check_str).count("!"):
            return f"cannot be understood: {rule.check_str}"
        return "refers to itself" if self._oslo._cycle_check(rule.check) else ""  # noqa: SLF001 - no public way

    def _place(self, name: str) -> str:
        """Where the policy file has a rule, as the beginning of a message."""
        path = self._oslo.policy_path
        if not path or not Path(path).is_file():
            return ""
        written = re.compile(rf"\s*[\"']?{re.escape(name)}[\"']?\s*:")
        lines = Path(path).read_text(errors="replace").splitlines()
        found = [number for number, line in enumerate(lines, start=1) if written.match(line)]
        return f"{path}, line {found[-1]}: " if found else ""

    def _look_again(self) -> None:
        if not self._loading.acquire(blocking=False):
            return
        try:
            self._look_at = self._monotonic() + _LOOK_EVERY
            self._decisions = self._load()
            self._complaint = ""
        except Exception as error:  # noqa: BLE001 - whatever a half-written file makes the parser raise
            if str(error) != self._complaint:
                # Its text says where the file is wrong; a traceback would only hide that.
                LOG.error("The policy file cannot be used, the rules stay as they were: %s", error)  # noqa: TRY400
                self._complaint = str(error)
        finally:
            self._loading.release()


def _denials(check: Any) -> int:
    """How many parts of a parsed rule deny everything."""
    inner = [*getattr(check, "rules", ()), *([check.rule] if isinstance(check, _checks.NotCheck) else ())]
    return isinstance(check, _checks.FalseCheck) + sum(_denials(part) for part in inner)


def _credentials(context: oslo_context.RequestContext) -> compiler.Credentials:
    """What rules see of the caller; kept on the context, because one request asks several rules."""
    creds: compiler.Credentials | None = context.__dict__.get("_policy_credentials")
    if creds is None:
        creds = dict(context.to_policy_values())
        creds["system"] = creds.get("system_scope")
        creds[compiler.LOWER_ROLES] = frozenset(role.lower() for role in context.roles)
        creds["token_scope"] = _token_scope(creds)
        context.__dict__["_policy_credentials"] = creds
    return creds


def _token_scope(creds: Mapping[str, Any]) -> str:
    if creds.get("system"):
        return "system"
    return "domain" if creds.get("domain_id") else "project"
