"""Who may create, read, update and delete which custom properties of images: the operator's file of property protections.

Sections are regular expressions, and the first that is found in a property's name decides about it. What no section is about
is closed to everybody, and what the service itself writes (``os_glance_*``) is not asked about.
"""

import configparser
import dataclasses
import functools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from oslo_config import cfg
from oslo_context import context as oslo_context

from imagesvc import exception
from imagesvc.policies.enforcer import Enforcer

OPERATIONS = ("create", "read", "update", "delete")

#: Everybody or nobody, holders of one of these roles, or those a rule lets pass.
Permit = bool | frozenset[str] | str

_RESERVED_PREFIX = "os_glance"
_MOST_NAMES = 4096


@dataclasses.dataclass(frozen=True, slots=True)
class _Section:
    pattern: re.Pattern[str]
    permits: Mapping[str, Permit]


class Protections:
    """The protections of one file.

    :param path: of the file; :param rule_format: ``roles`` or ``policies``.
    :raises ConfigurationError: naming the file and the line that cannot be used.
    """

    def __init__(self, path: str, rule_format: str, enforcer: Enforcer) -> None:
        self._sections = _File(path, rule_format).sections()
        self._enforcer = enforcer
        self._section_of = functools.lru_cache(_MOST_NAMES)(self._first_match)

    @classmethod
    def from_conf(cls, conf: Any, enforcer: Enforcer) -> Self | None:
        """Those the configuration names; None without any.

        :raises ConfigurationError: the file is missing or wrong.
        """
        name = conf.property_protection_file
        if not name:
            return None
        path = conf.find_file(name)
        if path is None:
            raise exception.ConfigurationError(reason=f"property_protection_file {name} is not there")
        try:
            rule_format = conf.property_protection_rule_format
        except (cfg.Error, ValueError) as error:
            raise exception.ConfigurationError(reason=str(error)) from error
        return cls(path, rule_format, enforcer)

    def allows(self, context: oslo_context.RequestContext, operation: str, name: str) -> bool:
        """Whether the caller may do ``operation`` to property ``name``."""
        if name.startswith(_RESERVED_PREFIX):
            return True
        section = self._section_of(name)
        permit = section.permits[operation] if section is not None else False
        if isinstance(permit, frozenset):
            return not permit.isdisjoint(role.lower() for role in (*context.roles, *(context.service_roles or ())))
        return self._enforcer.allows(context, permit) if isinstance(permit, str) else permit

    def _first_match(self, name: str) -> _Section | None:
        return next((section for section in self._sections if section.pattern.search(name)), None)

    def require(self, context: oslo_context.RequestContext, operation: str, name: str) -> None:
        """Raise PropertyProtected unless :meth:`allows`."""
        if not self.allows(context, operation, name):
            raise exception.PropertyProtected(operation=operation, name=name)

    def readable(self, context: oslo_context.RequestContext, properties: Mapping[str, Any]) -> dict[str, Any]:
        """Those of ``properties`` that the caller may know of."""
        return {name: value for name, value in properties.items() if self.allows(context, "read", name)}


class _File:
    """Reads a file of protections, and knows where in it something stands."""

    def __init__(self, path: str, rule_format: str) -> None:
        self._path = path
        self._format = rule_format
        # No section is one of defaults, whatever its name.
        self._parser = configparser.RawConfigParser(default_section="\0")
        try:
            text = Path(path).read_text("utf-8")
            self._lines = text.splitlines()
            self._parser.read_string(text, path)
        except (OSError, ValueError, configparser.Error) as error:
            raise exception.ConfigurationError(
                reason=f"property_protection_file {path} cannot be read: {' '.join(str(error).split())}"
            ) from error

    def sections(self) -> list[_Section]:
        return [self._section(name) for name in self._parser.sections()]

    def _section(self, name: str) -> _Section:
        try:
            pattern = re.compile(name)
        except re.error as error:
            raise self._fault(name, None, f"[{name}] is no regular expression: {error}") from error
        return _Section(pattern, {operation: self._permit(name, operation) for operation in OPERATIONS})

    def _permit(self, section: str, operation: str) -> Permit:
        if not self._parser.has_option(section, operation):
            raise self._fault(section, None, f"[{section}] does not say who may {operation}")
        words = [word.strip() for word in self._parser.get(section, operation).split(",")]
        if "@" in words and "!" in words:
            raise self._fault(section, operation, f"'@' and '!' exclude each other in '{operation}'")
        if "@" in words or "!" in words:
            return "@" in words
        if self._format == "roles":
            return frozenset(word.lower() for word in words if word)
        if len(words) != 1 or not words[0]:
            raise self._fault(section, operation, f"'{operation}' needs the name of one policy rule, '@' or '!'")
        return words[0]

    def _fault(self, section: str, option: str | None, reason: str) -> exception.ConfigurationError:
        return exception.ConfigurationError(
            reason=f"property_protection_file {self._path}, line {self._line(section, option)}: {reason}"
        )

    def _line(self, section: str, option: str | None) -> int:
        """Number of the line where a section, or an option of it, begins."""
        is_in = False
        for number, line in enumerate(self._lines, 1):
            header = self._parser.SECTCRE.match(line.strip())
            if header:
                is_in = header["header"] == section
            if is_in and (bool(header) if option is None else re.match(rf"\s*{option}\s*[=:]", line, re.IGNORECASE)):
                return number
        return 0
