"""Keeps secrets out of what this service writes: configured passwords and keys, tokens, credentials in URLs.

All programs set up their logging here.  It is the last line of defence, for what libraries write at DEBUG and for what
stands in tracebacks; code of ours does not write secrets to begin with.
"""

import logging
import os
import re
import urllib.parse
from collections.abc import Iterable, Iterator
from pathlib import Path

from oslo_config import cfg
from oslo_log import log

#: What stands in the place of a secret.
MASK = "***"

#: Shorter values are words that logs are full of; masking them would hide more than it keeps.
_SHORTEST = 4
#: New files are for their owner, and their group may read them.
_UMASK = 0o027

_SECRET_NAME = re.compile(r"password|passwd|secret|_token$|access_key|encryption_key|store_key|hmac_keys")
#: Options whose names sound like secrets and whose values are not.
_PUBLIC_NAME = re.compile(r"(_file|_path|_dir|_time|_length|_strategy|_roles|_required|_bytes)$")

#: Values that keep nothing secret, and names that lines are full of: who uses them as a password hides nothing.
_WORDS = {
    *("", "true", "false", "none", "yes", "no", "mac", "encrypt"),
    *("admin", "glance", "guest", "image", "images", "keystone", "openstack", "password", "secret", "secret_key"),
}

#: User information of a URL; the name before the colon may stay, it tells which account it was.
_URL = re.compile(r"(://[^\s:/@'\"]*):[^\s/'\"]*@")
#: What secrets look like, each with lower-case words of which a text has one before it is worth a search.
_PATTERNS = (
    # Headers, as they are printed by themselves, in dictionaries, in lists of pairs, and in WSGI environments.
    (
        ("token", "authorization", "cookie"),
        re.compile(
            r"((?:x[-_](?:auth|subject|service|storage)[-_]token|(?:proxy[-_])?authorization|set[-_]cookie)"
            r"\\?[\"']?\s*[:=,]\s*(?:b?\\?[\"'])?(?:(?:basic|bearer|keystone|aws4-hmac-sha256)\s+)?)[^\s\"'\\,;})]+",
            re.IGNORECASE,
        ),
        rf"\1{MASK}",
    ),
    # Keystone's tokens wherever they stand: sealed (Fernet) and signed (JWS).
    (("gaaaaa",), re.compile(r"gAAAAA[\w-]{60,}={0,2}"), MASK),
    (("eyj",), re.compile(r"\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}"), MASK),
    # Signed URLs of object stores.
    (
        ("sig", "credential", "token"),
        re.compile(
            r"((?:temp_url_sig|x-amz-signature|x-amz-credential|x-amz-security-token|signature|access_token|[?&]sig)=)"
            r"[^&\s'\"]+",
            re.IGNORECASE,
        ),
        rf"\1{MASK}",
    ),
)


class Redactor:
    """Masks secrets in texts.

    :param secrets: values that must not be seen, as they are; shorter ones than four characters are left alone.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        spelled = {form for secret in secrets for form in _forms(secret) if len(form) >= _SHORTEST}
        # The longest first: a secret may begin with another one.
        alternatives = "|".join(re.escape(form) for form in sorted(spelled, key=len, reverse=True))
        self._values = re.compile(alternatives) if alternatives else None

    def __call__(self, text: str) -> str:
        """The text with a mask in the place of every secret."""
        if self._values is not None:
            text = self._values.sub(MASK, text)
        if "://" in text:
            text = _URL.sub(rf"\1:{MASK}@", text)
        lowered = text.lower()
        for words, pattern, masked in _PATTERNS:
            if any(word in lowered for word in words):
                text = pattern.sub(masked, text)
        return text


def _forms(secret: str) -> set[str]:
    """A secret as it is, and as URLs and Python's representations of strings spell it."""
    return {secret, urllib.parse.quote(secret, safe=""), urllib.parse.unquote(secret), repr(secret)[1:-1]}


class RedactingFormatter(logging.Formatter):
    """What another formatter makes of a record, tracebacks included, without secrets."""

    def __init__(self, formatter: logging.Formatter, redactor: Redactor) -> None:
        super().__init__()
        self.inner = formatter
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        text = self._redactor(self.inner.format(record))
        if record.exc_text:  # kept for the next handler; the journal's takes it from here
            record.exc_text = self._redactor(record.exc_text)
        return text


def restrict_new_files() -> None:
    """Whatever this process creates from now on, nobody but its user and group may read, however it was started."""
    os.umask(os.umask(_UMASK) | _UMASK)


def set_up_logging(conf: cfg.ConfigOpts, product: str) -> None:
    """oslo.log's own setup, and then every handler writes without secrets.

    May be called again, after a fork or when the configuration has changed.
    """
    log.setup(conf, product)
    redactor = Redactor(configured_secrets(conf))
    for handler in _handlers():
        formatter = handler.formatter or logging.Formatter()
        inner = formatter.inner if isinstance(formatter, RedactingFormatter) else formatter
        handler.setFormatter(RedactingFormatter(inner, redactor))


def _handlers() -> Iterator[logging.Handler]:
    """All handlers, also those that log_config_append gave to single loggers."""
    loggers = [logging.getLogger(), *logging.Logger.manager.loggerDict.values()]
    for logger in loggers:
        if isinstance(logger, logging.Logger):
            yield from logger.handlers


def configured_secrets(conf: cfg.ConfigOpts) -> set[str]:
    """Passwords and keys in the configuration's files and in the environment.

    Read from the files, because stores and plugins register their options when they are loaded, if ever.
    """
    given = [(name, value) for name, value in os.environ.items() if name.startswith("OS_")]
    for path in _files(conf):
        given += _values(path)
    # The keys of swift's accounts stand in a file of their own.
    for reference in [value for name, value in given if name == "swift_store_config_file"]:
        given += [(f"swift_store_{name}", value) for name, value in _values(reference)]
    found = {secret for name, value in given for secret in _secrets_of(name, value)}
    return {secret for secret in found if secret.lower() not in _WORDS}


def _files(conf: cfg.ConfigOpts) -> Iterator[str]:
    yield from conf.config_file or ()
    for directory in conf.config_dir or ():
        yield from sorted(map(str, Path(directory).glob("*.conf")))


def _values(path: str) -> list[tuple[str, str]]:
    """Names and values of all sections of a file."""
    sections: dict[str, dict[str, list[str]]] = {}
    try:
        cfg.ConfigParser(path, sections).parse()
    except (OSError, cfg.ParseError):
        return []  # who reads the options complains
    return [(name, value) for values in sections.values() for name, given in values.items() for value in given]


def _secrets_of(name: str, value: str) -> Iterator[str]:
    """The value if the option's name says that it is a secret, and passwords of URLs in it."""
    name, text = name.lower().replace("-", "_"), value.strip()
    if _SECRET_NAME.search(name) and not _PUBLIC_NAME.search(name) and not text.isdigit():
        yield text
        yield from (part.strip() for part in text.split(",") if part.strip())
    for hosts in re.findall(r"://([^\s/]*@)", text):
        for host in hosts.split(","):
            _, _, password = host.rpartition("@")[0].partition(":")
            # swift's user information has two colons: account:user:key
            yield from {password, password.rpartition(":")[2]}
