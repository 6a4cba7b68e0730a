"""Turns oslo.policy's parsed rules into plain functions.

oslo.policy inspects the signature of every node of a rule each time it is asked and looks for changed files before; that
costs a hundred times what the decision does.  The functions made here decide the same (a test compares them on every
default rule), and kinds of checks that this module does not know are left to oslo.policy.
"""

import ast
from collections.abc import Callable, Mapping
from typing import Any

from oslo_policy import _checks

Target = Mapping[str, Any]
Credentials = dict[str, Any]
Decision = Callable[[Target, Credentials], bool]

#: Key in the credentials under which the lower-cased roles stand as a set.
LOWER_ROLES = "lower_roles"


def compile_rules(rules: Mapping[str, _checks.BaseCheck], enforcer: Any) -> dict[str, Decision]:
    """A function per rule of ``rules``; ``enforcer`` is handed to foreign checks."""
    compiled: dict[str, Decision] = {}
    for name, check in rules.items():
        compiled[name] = _compile(check, compiled, enforcer)
    return compiled


def _compile(check: _checks.BaseCheck, rules: dict[str, Decision], enforcer: Any) -> Decision:
    make = _MAKERS.get(type(check))
    return make(check, rules, enforcer) if make else _foreign(check, enforcer)


def _constant(value: bool) -> Callable[..., Decision]:
    return lambda _check, _rules, _enforcer: lambda _target, _creds: value


def _not(check: Any, rules: dict[str, Decision], enforcer: Any) -> Decision:
    inner = _compile(check.rule, rules, enforcer)
    return lambda target, creds: not inner(target, creds)


def _and(check: Any, rules: dict[str, Decision], enforcer: Any) -> Decision:
    parts = [_compile(part, rules, enforcer) for part in check.rules]

    def decide(target: Target, creds: Credentials) -> bool:
        for part in parts:  # noqa: SIM110 - twice as fast as all() with a generator
            if not part(target, creds):
                return False
        return True

    return decide


def _or(check: Any, rules: dict[str, Decision], enforcer: Any) -> Decision:
    parts = [_compile(part, rules, enforcer) for part in check.rules]

    def decide(target: Target, creds: Credentials) -> bool:
        for part in parts:  # noqa: SIM110 - twice as fast as any() with a generator
            if part(target, creds):
                return True
        return False

    return decide


def _rule(check: Any, rules: dict[str, Decision], _enforcer: Any) -> Decision:
    name = check.match

    def decide(target: Target, creds: Credentials) -> bool:
        inner = rules.get(name)
        return inner is not None and inner(target, creds)

    return decide


def _role(check: Any, _rules: dict[str, Decision], _enforcer: Any) -> Decision:
    pattern: str = check.match
    if "%" not in pattern:
        wanted = pattern.lower()
        return lambda _target, creds: wanted in creds[LOWER_ROLES]

    def decide(target: Target, creds: Credentials) -> bool:
        try:
            return (pattern % target).lower() in creds[LOWER_ROLES]
        except KeyError:
            return False

    return decide


def _generic(check: Any, _rules: dict[str, Decision], _enforcer: Any) -> Decision:
    """``left:right`` where ``right`` may name fields of the target and ``left`` is a literal or a credential."""
    pattern: str = check.match
    try:
        literal = str(ast.literal_eval(check.kind))
    except (ValueError, SyntaxError):
        path = check.kind.split(".")
    else:
        return _compare(pattern, lambda _creds, right: right == literal)
    if len(path) == 1:
        key = path[0]
        missing = object()

        def equals(creds: Credentials, right: str) -> bool:
            left = creds.get(key, missing)
            if isinstance(left, list):
                return right in map(str, left)
            return left is not missing and right == str(left)

        return _compare(pattern, equals)
    return _compare(pattern, lambda creds, right: check._find_in_dict(creds, path, right))  # noqa: SLF001 - there is no public way


def _compare(pattern: str, matches: Callable[[Credentials, str], bool]) -> Decision:
    if "%" not in pattern:
        return lambda _target, creds: matches(creds, pattern)

    def decide(target: Target, creds: Credentials) -> bool:
        try:
            right = pattern % target
        except KeyError:
            return False
        return matches(creds, right)

    return decide


def _foreign(check: _checks.BaseCheck, enforcer: Any) -> Decision:
    return lambda target, creds: bool(_checks._check(check, target, creds, enforcer, None))  # noqa: SLF001 - there is no public way


_MAKERS: dict[type, Callable[..., Decision]] = {
    _checks.TrueCheck: _constant(True),
    _checks.FalseCheck: _constant(False),
    _checks.NotCheck: _not,
    _checks.AndCheck: _and,
    _checks.OrCheck: _or,
    _checks.RuleCheck: _rule,
    _checks.RoleCheck: _role,
    _checks.GenericCheck: _generic,
}
