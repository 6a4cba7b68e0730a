"""liberty initial

The schema of the Liberty release.  Its artifacts tables are not made: pike_contract01 drops them where a database has them, and
nothing here ever wrote to them.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Boolean, Column, DateTime, ForeignKey, Integer, String, Text, UniqueConstraint

from imagesvc.registry.db import ddl

revision = "liberty"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_images()
    _create_children_of_images()
    _create_tasks()
    _create_metadefs()


def _times() -> list[Column[Any]]:
    return [Column("created_at", DateTime, nullable=False), Column("updated_at", DateTime)]


def _life() -> list[Column[Any]]:
    return [*_times(), Column("deleted_at", DateTime), Column("deleted", Boolean, nullable=False)]


def _number() -> Column[Any]:
    return Column("id", Integer, primary_key=True)


def _image_id() -> Column[Any]:
    return Column("image_id", String(36), ForeignKey("images.id"), nullable=False)


def _namespace_id() -> Column[Any]:
    return Column("namespace_id", Integer, ForeignKey("metadef_namespaces.id"), nullable=False)


def _create_images() -> None:
    ddl.create_table(
        "images",
        Column("id", String(36), primary_key=True),
        Column("name", String(255)),
        Column("size", sa.BigInteger),
        Column("status", String(30), nullable=False),
        Column("is_public", Boolean, nullable=False),
        *_life(),
        Column("disk_format", String(20)),
        Column("container_format", String(20)),
        Column("checksum", String(32)),
        Column("owner", String(255)),
        Column("min_disk", Integer, nullable=False),
        Column("min_ram", Integer, nullable=False),
        Column("protected", Boolean, nullable=False, server_default=sa.false()),
        Column("virtual_size", sa.BigInteger),
        options=ddl.GLANCE,
    )
    ddl.create_index("checksum_image_idx", "images", ["checksum"])
    ddl.create_index("ix_images_deleted", "images", ["deleted"])
    ddl.create_index("ix_images_is_public", "images", ["is_public"])
    ddl.create_index("owner_image_idx", "images", ["owner"])


def _create_children_of_images() -> None:
    ddl.create_table(
        "image_properties",
        _number(),
        _image_id(),
        Column("name", String(255), nullable=False),
        Column("value", Text),
        *_life(),
        UniqueConstraint("image_id", "name", name="ix_image_properties_image_id_name"),
        options=ddl.GLANCE,
    )
    ddl.create_index("ix_image_properties_deleted", "image_properties", ["deleted"])
    ddl.create_index("ix_image_properties_image_id", "image_properties", ["image_id"])

    ddl.create_table(
        "image_locations",
        _number(),
        _image_id(),
        Column("value", Text, nullable=False),
        *_life(),
        Column("meta_data", Text),
        Column("status", String(30), nullable=False, server_default="active"),
        options=ddl.GLANCE,
    )
    ddl.create_index("ix_image_locations_deleted", "image_locations", ["deleted"])
    ddl.create_index("ix_image_locations_image_id", "image_locations", ["image_id"])

    ddl.create_table(
        "image_members",
        _number(),
        _image_id(),
        Column("member", String(255), nullable=False),
        Column("can_share", Boolean, nullable=False, server_default=sa.false()),
        *_life(),
        Column("status", String(20), nullable=False, server_default="pending"),
        UniqueConstraint("image_id", "member", "deleted_at", name="image_members_image_id_member_deleted_at_key"),
        options=ddl.GLANCE,
    )
    ddl.create_index("ix_image_members_deleted", "image_members", ["deleted"])
    ddl.create_index("ix_image_members_image_id", "image_members", ["image_id"])
    ddl.create_index("ix_image_members_image_id_member", "image_members", ["image_id", "member"])

    ddl.create_table(
        "image_tags",
        _number(),
        _image_id(),
        Column("value", String(255), nullable=False),
        *_life(),
        options=ddl.GLANCE,
    )
    ddl.create_index("ix_image_tags_image_id", "image_tags", ["image_id"])
    ddl.create_index("ix_image_tags_image_id_tag_value", "image_tags", ["image_id", "value"])


def _create_tasks() -> None:
    ddl.create_table(
        "tasks",
        Column("id", String(36), primary_key=True),
        Column("type", String(30), nullable=False),
        Column("status", String(30), nullable=False),
        Column("owner", String(255), nullable=False),
        Column("expires_at", DateTime),
        *_life(),
        options=ddl.GLANCE,
    )
    for column in ("deleted", "owner", "status", "type", "updated_at"):
        ddl.create_index(f"ix_tasks_{column}", "tasks", [column])

    ddl.create_table(
        "task_info",
        Column("task_id", String(36), ForeignKey("tasks.id"), primary_key=True),
        Column("input", Text),
        Column("result", Text),
        Column("message", Text),
        options=ddl.GLANCE,
    )


def _create_metadefs() -> None:
    ddl.create_table(
        "metadef_namespaces",
        _number(),
        Column("namespace", String(80), nullable=False),
        Column("display_name", String(80)),
        Column("description", Text),
        Column("visibility", String(32)),
        Column("protected", Boolean),
        Column("owner", String(255), nullable=False),
        *_times(),
        UniqueConstraint("namespace", name="uq_metadef_namespaces_namespace"),
        options=ddl.GLANCE,
    )
    ddl.create_index("ix_metadef_namespaces_owner", "metadef_namespaces", ["owner"])

    ddl.create_table(
        "metadef_resource_types",
        _number(),
        Column("name", String(80), nullable=False),
        Column("protected", Boolean, nullable=False, server_default=sa.false()),
        *_times(),
        UniqueConstraint("name", name="uq_metadef_resource_types_name"),
        options=ddl.GLANCE,
    )
    ddl.create_table(
        "metadef_namespace_resource_types",
        Column("resource_type_id", Integer, ForeignKey("metadef_resource_types.id"), primary_key=True),
        Column("namespace_id", Integer, ForeignKey("metadef_namespaces.id"), primary_key=True),
        Column("properties_target", String(80)),
        Column("prefix", String(80)),
        *_times(),
        options=ddl.GLANCE,
    )
    ddl.create_index("ix_metadef_ns_res_types_namespace_id", "metadef_namespace_resource_types", ["namespace_id"])

    _create_named("objects", Column("description", Text), Column("required", Text), Column("json_schema", Text))
    _create_named("properties", Column("json_schema", Text))
    _create_named("tags")


def _create_named(noun: str, *columns: Column[Any]) -> None:
    """A table of things that have a name within a namespace."""
    table = f"metadef_{noun}"
    ddl.create_table(
        table,
        _number(),
        _namespace_id(),
        Column("name", String(80), nullable=False),
        *columns,
        *_times(),
        UniqueConstraint("namespace_id", "name", name=f"uq_{table}_namespace_id_name"),
        options=ddl.GLANCE,
    )
    ddl.create_index(f"ix_{table}_name", table, ["name"])
