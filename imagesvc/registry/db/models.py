"""The tables: Glance's current schema column for column, and this service's own beside it.

Plain SQLAlchemy Core; statements are written on ``Table`` objects, rows are never mapped to classes.  What stands here is
what both migration trees end in (a test compares them), so a change starts with a migration in ``alembic/own``.

Text columns that hold JSON (``image_locations.meta_data``, ``task_info.input`` and ``result``, ``imagesvc_rpc_ops.result``)
are plain text here: the writer encodes and the reader decodes.  Times of Glance's tables are naive UTC; ours are integers,
milliseconds on the database's clock.

One file although it is long: a schema is read as a whole, and its parts would share their metadata and the helpers that make columns.
"""

from typing import Any

from sqlalchemy import (
    CHAR,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Enum,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)
from sqlalchemy.dialects import mysql

#: What Glance names explicitly is named explicitly below; this rule covers what it leaves to the database.
metadata = MetaData()

_GLANCE: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mariadb_engine": "InnoDB",
    "mysql_charset": "utf8",
    "mariadb_charset": "utf8",
}
_OWN: dict[str, Any] = {**_GLANCE, "mysql_charset": "utf8mb4", "mariadb_charset": "utf8mb4"}

#: SQLite numbers rows by itself only in a column declared INTEGER.
_BigKey = BigInteger().with_variant(Integer, "sqlite")
_LongText = Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")

VISIBILITIES = ("private", "public", "shared", "community")


def _times() -> list[Column[Any]]:
    return [Column("created_at", DateTime, nullable=False), Column("updated_at", DateTime)]


def _life() -> list[Column[Any]]:
    """The four columns of every table whose rows are marked deleted instead of removed."""
    return [*_times(), Column("deleted_at", DateTime), Column("deleted", Boolean, nullable=False)]


def _image_id() -> Column[Any]:
    return Column("image_id", String(36), ForeignKey("images.id"), nullable=False)


def _image_created_at() -> Column[Any]:
    """Ours, so that rows can stand in the order of their images; null in what Glance writes.  An image's never changes."""
    return Column("image_created_at", DateTime)


def _namespace_id() -> Column[Any]:
    return Column("namespace_id", Integer, ForeignKey("metadef_namespaces.id"), nullable=False)


# -- images ------------------------------------------------------------------------------------------

images = Table(
    "images",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("name", String(255)),
    Column("disk_format", String(20)),
    Column("container_format", String(20)),
    Column("size", BigInteger),
    Column("virtual_size", BigInteger),
    Column("status", String(30), nullable=False),
    Column("visibility", Enum(*VISIBILITIES, name="image_visibility"), nullable=False, server_default="shared"),
    Column("checksum", String(32)),
    Column("os_hash_algo", String(64)),
    Column("os_hash_value", String(128)),
    Column("min_disk", Integer, nullable=False),
    Column("min_ram", Integer, nullable=False),
    Column("owner", String(255)),
    Column("protected", Boolean, nullable=False, server_default=false()),
    Column("os_hidden", Boolean, nullable=False, server_default=false()),
    *_life(),
    # Ours: counts the row's writes, for compare-and-set.
    Column("version", Integer, nullable=False, server_default="0"),
    Index("checksum_image_idx", "checksum"),
    Index("visibility_image_idx", "visibility"),
    Index("ix_images_deleted", "deleted"),
    Index("owner_image_idx", "owner"),
    Index("created_at_image_idx", "created_at"),
    Index("updated_at_image_idx", "updated_at"),
    Index("os_hidden_image_idx", "os_hidden"),
    Index("os_hash_value_image_idx", "os_hash_value"),
    **_GLANCE,
)

image_properties = Table(
    "image_properties",
    metadata,
    Column("id", Integer, primary_key=True),
    _image_id(),
    Column("name", String(255), nullable=False),
    Column("value", Text),
    *_life(),
    _image_created_at(),
    UniqueConstraint("image_id", "name", name="ix_image_properties_image_id_name"),
    Index("ix_image_properties_image_id", "image_id"),
    Index("ix_image_properties_deleted", "deleted"),
    **_GLANCE,
)

image_tags = Table(
    "image_tags",
    metadata,
    Column("id", Integer, primary_key=True),
    _image_id(),
    Column("value", String(255), nullable=False),
    *_life(),
    _image_created_at(),
    Index("ix_image_tags_image_id", "image_id"),
    Index("ix_image_tags_image_id_tag_value", "image_id", "value"),
    **_GLANCE,
)

image_locations = Table(
    "image_locations",
    metadata,
    Column("id", Integer, primary_key=True),
    _image_id(),
    Column("value", Text, nullable=False),
    Column("meta_data", Text),
    Column("status", String(30), nullable=False, server_default="active"),
    *_life(),
    Index("ix_image_locations_image_id", "image_id"),
    Index("ix_image_locations_deleted", "deleted"),
    **_GLANCE,
)

image_members = Table(
    "image_members",
    metadata,
    Column("id", Integer, primary_key=True),
    _image_id(),
    Column("member", String(255), nullable=False),
    Column("can_share", Boolean, nullable=False, server_default=false()),
    Column("status", String(20), nullable=False, server_default="pending"),
    *_life(),
    UniqueConstraint("image_id", "member", "deleted_at", name="image_members_image_id_member_deleted_at_key"),
    Index("ix_image_members_deleted", "deleted"),
    Index("ix_image_members_image_id", "image_id"),
    Index("ix_image_members_image_id_member", "image_id", "member"),
    **_GLANCE,
)

# -- tasks -------------------------------------------------------------------------------------------

tasks = Table(
    "tasks",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("type", String(30), nullable=False),
    Column("status", String(30), nullable=False),
    Column("owner", String(255), nullable=False),
    Column("expires_at", DateTime),
    Column("image_id", String(36)),
    Column("request_id", String(64)),
    Column("user_id", String(64)),
    *_life(),
    Index("ix_tasks_type", "type"),
    Index("ix_tasks_status", "status"),
    Index("ix_tasks_owner", "owner"),
    Index("ix_tasks_deleted", "deleted"),
    Index("ix_tasks_updated_at", "updated_at"),
    Index("ix_tasks_image_id", "image_id"),
    **_GLANCE,
)

task_info = Table(
    "task_info",
    metadata,
    Column("task_id", String(36), ForeignKey("tasks.id"), primary_key=True),
    Column("input", Text),
    Column("result", Text),
    Column("message", Text),
    **_GLANCE,
)

# -- the cache ---------------------------------------------------------------------------------------

node_reference = Table(
    "node_reference",
    metadata,
    Column("node_reference_id", _BigKey, primary_key=True),
    Column("node_reference_url", String(255), nullable=False),
    UniqueConstraint("node_reference_url", name="uq_node_reference_node_reference_url"),
    **_GLANCE,
)

cached_images = Table(
    "cached_images",
    metadata,
    Column("id", _BigKey, primary_key=True),
    Column("image_id", String(36), nullable=False),
    Column("last_accessed", DateTime, nullable=False),
    Column("last_modified", DateTime, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("hits", Integer, nullable=False),
    Column("checksum", String(32)),
    Column("node_reference_id", _BigKey, ForeignKey("node_reference.node_reference_id"), nullable=False),
    UniqueConstraint("image_id", "node_reference_id", name="ix_cached_images_image_id_node_reference_id"),
    **_GLANCE,
)

# -- metadata definitions ----------------------------------------------------------------------------

metadef_namespaces = Table(
    "metadef_namespaces",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("namespace", String(80), nullable=False),
    Column("display_name", String(80)),
    Column("description", Text),
    Column("visibility", String(32)),
    Column("protected", Boolean),
    Column("owner", String(255), nullable=False),
    *_times(),
    UniqueConstraint("namespace", name="uq_metadef_namespaces_namespace"),
    Index("ix_metadef_namespaces_owner", "owner"),
    **_GLANCE,
)

metadef_objects = Table(
    "metadef_objects",
    metadata,
    Column("id", Integer, primary_key=True),
    _namespace_id(),
    Column("name", String(80), nullable=False),
    Column("description", Text),
    Column("required", Text),
    Column("json_schema", Text),
    *_times(),
    UniqueConstraint("namespace_id", "name", name="uq_metadef_objects_namespace_id_name"),
    Index("ix_metadef_objects_name", "name"),
    **_GLANCE,
)

metadef_properties = Table(
    "metadef_properties",
    metadata,
    Column("id", Integer, primary_key=True),
    _namespace_id(),
    Column("name", String(80), nullable=False),
    Column("json_schema", Text),
    *_times(),
    UniqueConstraint("namespace_id", "name", name="uq_metadef_properties_namespace_id_name"),
    Index("ix_metadef_properties_name", "name"),
    **_GLANCE,
)

metadef_tags = Table(
    "metadef_tags",
    metadata,
    Column("id", Integer, primary_key=True),
    _namespace_id(),
    Column("name", String(80), nullable=False),
    *_times(),
    UniqueConstraint("namespace_id", "name", name="uq_metadef_tags_namespace_id_name"),
    Index("ix_metadef_tags_name", "name"),
    **_GLANCE,
)

metadef_resource_types = Table(
    "metadef_resource_types",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(80), nullable=False),
    Column("protected", Boolean, nullable=False, server_default=false()),
    *_times(),
    UniqueConstraint("name", name="uq_metadef_resource_types_name"),
    **_GLANCE,
)

metadef_namespace_resource_types = Table(
    "metadef_namespace_resource_types",
    metadata,
    Column("resource_type_id", Integer, ForeignKey("metadef_resource_types.id"), primary_key=True),
    Column("namespace_id", Integer, ForeignKey("metadef_namespaces.id"), primary_key=True),
    Column("properties_target", String(80)),
    Column("prefix", String(80)),
    *_times(),
    Index("ix_metadef_ns_res_types_namespace_id", "namespace_id"),
    **_GLANCE,
)

# -- our own tables: no foreign keys to Glance's, or its purge would fail ----------------------------

#: Results of mutating calls, so that a repeated call gets the first answer.
rpc_ops = Table(
    "imagesvc_rpc_ops",
    metadata,
    Column("op_id", String(36), primary_key=True),
    Column("method", String(64), nullable=False),
    Column("request_hash", CHAR(64), nullable=False),
    Column("result", _LongText),
    Column("created_ms", BigInteger, nullable=False),
    Index("ix_imagesvc_rpc_ops_created_ms", "created_ms"),
    **_OWN,
)

#: One row per upload from before its first byte until it is completed or its leftovers are gone.
upload_intents = Table(
    "imagesvc_upload_intents",
    metadata,
    Column("upload_id", String(36), primary_key=True),
    Column("image_id", String(36), nullable=False),
    Column("project_id", String(255)),
    Column("store", String(255), nullable=False),
    Column("state", String(16), nullable=False),
    Column("host", String(255), nullable=False),
    Column("worker", String(255), nullable=False),
    Column("reserved_bytes", BigInteger, nullable=False),
    Column("received_bytes", BigInteger, nullable=False),
    Column("lease_until_ms", BigInteger, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("aborted_ms", BigInteger),
    Column("claimed_by", String(255)),
    Column("claimed_until_ms", BigInteger),
    Index("ix_imagesvc_upload_intents_image_id", "image_id"),
    Index("ix_imagesvc_upload_intents_project_id", "project_id"),
    Index("ix_imagesvc_upload_intents_worker", "worker"),
    Index("ix_imagesvc_upload_intents_lease_until_ms", "lease_until_ms"),
    Index("imagesvc_upload_intents_by_state", "state", "lease_until_ms"),
    **_OWN,
)

#: What is being done about a location that was added: one row from then on until its data is known.
location_jobs = Table(
    "imagesvc_location_jobs",
    metadata,
    Column("job_id", String(36), primary_key=True),
    Column("image_id", String(36), nullable=False),
    Column("project_id", String(255)),
    Column("phase", String(16), nullable=False),
    Column("url", Text, nullable=False),
    # SHA-256 of the URL where only one image may have it.
    Column("url_key", CHAR(64)),
    Column("store", String(255)),
    Column("os_hash_algo", String(64)),
    Column("os_hash_value", String(128)),
    Column("task_id", String(36), nullable=False),
    Column("worker", String(255), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("lease_until_ms", BigInteger, nullable=False),
    UniqueConstraint("image_id", name="uq_imagesvc_location_jobs_image_id"),
    UniqueConstraint("url_key", name="uq_imagesvc_location_jobs_url_key"),
    Index("ix_imagesvc_location_jobs_worker", "worker"),
    Index("ix_imagesvc_location_jobs_lease_until_ms", "lease_until_ms"),
    **_OWN,
)

#: Which janitor is removing a location's data, and until when nobody else may.
location_claims = Table(
    "imagesvc_location_claims",
    metadata,
    Column("location_id", Integer, primary_key=True, autoincrement=False),
    Column("claimed_by", String(255), nullable=False),
    Column("claimed_until_ms", BigInteger, nullable=False),
    **_OWN,
)

#: The row that is locked while a project's usage is counted.
projects = Table("imagesvc_projects", metadata, Column("project_id", String(255), primary_key=True), **_OWN)

#: Work that one registry at a time does.
leases = Table(
    "imagesvc_leases",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("holder", String(255), nullable=False),
    Column("until_ms", BigInteger, nullable=False),
    **_OWN,
)

# -- our indexes on Glance's tables ------------------------------------------------------------------

#: Column a listing can be sorted by; the API appends created_at and id as tie break.
SORT_KEYS = ("name", "status", "container_format", "disk_format", "size", "id", "created_at", "updated_at")


def _order_of(key: str) -> list[str]:
    """The columns of a listing's order, most significant first: ``size`` gives ``["size", "created_at", "id"]``."""
    return [key] if key == "id" else list(dict.fromkeys([key, "created_at", "id"]))


# Every listing asks for one value of deleted and os_hidden, and beside that for everything (an administrator's), for an owner's
# or for those of a visibility; behind what it asks for, the index is the page's order, so no page costs more than its rows.
for _prefix, _which in (("", ()), ("of_owner_", ("owner",)), ("of_visibility_", ("visibility",))):
    for _key in SORT_KEYS:
        _columns = (*_which, "deleted", "os_hidden", *_order_of(_key))
        Index(f"imagesvc_images_{_prefix}by_{_key}", *(images.c[_name] for _name in _columns))
for _suffix, _whose in (("of_owner_and_visibility", ["owner", "visibility"]), ("by_protected", ["protected"])):
    _all = [*_whose, "deleted", "os_hidden", *_order_of("created_at")]
    Index(f"imagesvc_images_{_suffix}", *(images.c[_name] for _name in _all))
Index(
    "imagesvc_image_tags_in_order",
    image_tags.c.value,
    image_tags.c.deleted,
    image_tags.c.image_created_at,
    image_tags.c.image_id,
)
Index("imagesvc_image_members_by_member", image_members.c.member, image_members.c.deleted, image_members.c.image_id)
#: Characters of a property's value that are in its index: values are too long for any database's indexes.
INDEXED_CHARACTERS = 64
Index(
    "imagesvc_image_properties_in_order",
    image_properties.c.name,
    image_properties.c.value,
    image_properties.c.deleted,
    image_properties.c.image_created_at,
    image_properties.c.image_id,
    mysql_length={"value": INDEXED_CHARACTERS},
    mariadb_length={"value": INDEXED_CHARACTERS},
)
Index("imagesvc_tasks_by_created_at", tasks.c.deleted, tasks.c.created_at, tasks.c.id)
Index("imagesvc_tasks_of_owner_by_created_at", tasks.c.owner, tasks.c.deleted, tasks.c.created_at, tasks.c.id)
Index("imagesvc_tasks_by_expires_at", tasks.c.deleted, tasks.c.expires_at)
Index("imagesvc_image_locations_by_status", image_locations.c.status, image_locations.c.id)
#: Characters of a location's URL that are in its index.
INDEXED_URL = 255
Index(
    "imagesvc_image_locations_by_value",
    image_locations.c.value,
    mysql_length={"value": INDEXED_URL},
    mariadb_length={"value": INDEXED_URL},
)
