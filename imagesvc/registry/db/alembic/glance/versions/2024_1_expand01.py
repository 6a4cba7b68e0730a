"""adds cache_node_reference and cached_images table(s)"""

import sqlalchemy as sa
from sqlalchemy import BigInteger, Column, DateTime, ForeignKey, Integer, String, UniqueConstraint

from imagesvc.registry.db import ddl

revision = "2024_1_expand01"
down_revision = "2023_1_expand01"
branch_labels = None
depends_on = None


def _number() -> sa.types.TypeEngine[int]:
    """SQLite numbers rows by itself only in a column declared INTEGER."""
    return BigInteger().with_variant(Integer, "sqlite")


def upgrade() -> None:
    ddl.create_table(
        "node_reference",
        Column("node_reference_id", _number(), primary_key=True),
        Column("node_reference_url", String(255), nullable=False),
        UniqueConstraint("node_reference_url", name="uq_node_reference_node_reference_url"),
        options=ddl.GLANCE,
    )
    ddl.create_table(
        "cached_images",
        Column("id", _number(), primary_key=True),
        Column("image_id", String(36), nullable=False),
        Column("last_accessed", DateTime, nullable=False),
        Column("last_modified", DateTime, nullable=False),
        Column("size", BigInteger, nullable=False),
        Column("hits", Integer, nullable=False),
        Column("checksum", String(32)),
        Column("node_reference_id", _number(), ForeignKey("node_reference.node_reference_id"), nullable=False),
        UniqueConstraint("image_id", "node_reference_id", name="ix_cached_images_image_id_node_reference_id"),
        options=ddl.GLANCE,
    )
