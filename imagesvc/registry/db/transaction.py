"""What a function of this package works with: a connection in a transaction, and its time."""

import dataclasses
import datetime as dt
import functools
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from imagesvc.registry.db.location_urls import OPTION, LocationUrls

_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - the tables hold naive UTC


@dataclasses.dataclass(frozen=True)
class Transaction:
    """One transaction of the registry.

    :param now_ms: its time on the database's clock, in milliseconds since 1970.
    """

    connection: Connection
    now_ms: int

    @functools.cached_property
    def now(self) -> dt.datetime:
        """``now_ms`` as this database's DATETIME holds it: naive UTC, whole seconds on MySQL and MariaDB."""
        moment = _EPOCH + dt.timedelta(milliseconds=self.now_ms)
        return moment.replace(microsecond=0) if self.is_mysql else moment

    @property
    def urls(self) -> LocationUrls:
        """What makes URLs of locations what stands in this database."""
        urls: LocationUrls = self.connection.get_execution_options()[OPTION]
        return urls

    @property
    def is_mysql(self) -> bool:
        """Whether text is compared without regard to case and cannot hold characters of four bytes."""
        return self.connection.dialect.name in {"mysql", "mariadb"}

    def insert_absent(self, table: Table, row: Mapping[str, Any]) -> bool:
        """Insert a row unless there is one with its key; whether it was inserted.

        In one statement: an error that a savepoint would have to contain is on MySQL also what a deadlock leaves, with no
        savepoint left to go back to.
        """
        statement: Any
        if self.is_mysql:
            statement = table.insert().prefix_with("IGNORE")
        else:
            inserts = postgresql if self.connection.dialect.name == "postgresql" else sqlite
            statement = inserts.insert(table).on_conflict_do_nothing()
        return bool(self.connection.execute(statement, row).rowcount)


def to_text(moment: dt.datetime | None) -> str | None:
    """A time of the database in the form of :mod:`imagesvc.objects`."""
    return None if moment is None else moment.isoformat()


def from_text(text: str) -> dt.datetime:
    """The naive UTC time for ISO 8601 text with or without zone.

    :raises ValueError: if ``text`` is none.
    """
    moment = dt.datetime.fromisoformat(text)
    if moment.tzinfo is not None:
        moment = moment.astimezone(dt.UTC).replace(tzinfo=None)
    return moment
