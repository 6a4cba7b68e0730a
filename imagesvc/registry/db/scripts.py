"""The two trees of migration scripts, and how alembic runs them on a connection it is given.

``alembic/glance`` has Glance's revision ids, order and messages, so that either service can take over the other's database;
``alembic/own`` is this service's, in a version table of its own.
"""

import dataclasses
from functools import cached_property
from pathlib import Path

from alembic import command, context
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

from imagesvc.registry.db import revisions

#: Where alembic can take back the changes of an interrupted migration.
_TRANSACTIONAL = ("sqlite", "postgresql")


@dataclasses.dataclass(frozen=True)
class Tree:
    """One directory of scripts with its version table."""

    directory: str
    version_table: str

    @cached_property
    def _config(self) -> Config:
        config = Config()
        path = Path(__file__).parent / "alembic" / self.directory
        config.set_main_option("script_location", str(path).replace("%", "%%"))
        config.attributes["version_table"] = self.version_table
        return config

    @cached_property
    def known(self) -> frozenset[str]:
        """Ids of all revisions of this tree."""
        scripts = ScriptDirectory.from_config(self._config)
        return frozenset(script.revision for script in scripts.walk_revisions())

    def current(self, connection: Connection) -> set[str]:
        """Revisions the database is stamped with; empty when it has none."""
        options = {"version_table": self.version_table, "transactional_ddl": _is_transactional(connection)}
        return set(MigrationContext.configure(connection, opts=options).get_current_heads())

    def upgrade(self, connection: Connection, revision: str) -> None:
        self._config.attributes["connection"] = connection
        command.upgrade(self._config, revision)

    def stamp(self, connection: Connection, revision: str) -> None:
        """Write the version table alone, whatever it said before."""
        self._config.attributes["connection"] = connection
        command.stamp(self._config, revision, purge=True)


GLANCE = Tree("glance", revisions.GLANCE_VERSION_TABLE)
OWN = Tree("own", revisions.OWN_VERSION_TABLE)


def run_in_environment() -> None:
    """The body of both trees' ``env.py``."""
    attributes = context.config.attributes
    connection = attributes["connection"]
    context.configure(
        connection=connection,
        version_table=attributes["version_table"],
        transactional_ddl=_is_transactional(connection),
    )
    with context.begin_transaction():
        context.run_migrations()


def _is_transactional(connection: Connection) -> bool:
    return connection.dialect.name in _TRANSACTIONAL
