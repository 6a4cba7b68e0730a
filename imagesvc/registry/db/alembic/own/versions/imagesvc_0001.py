"""count the writes of images, and keep calls, uploads, claims, projects and leases"""

import sqlalchemy as sa
from sqlalchemy import CHAR, BigInteger, Column, Integer, String, Text
from sqlalchemy.dialects import mysql

from imagesvc.registry.db import ddl

revision = "imagesvc_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    ddl.add_column("images", Column("version", Integer, nullable=False, server_default="0"))
    _create_rpc_ops()
    _create_upload_intents()
    ddl.create_table(
        "imagesvc_location_claims",
        Column("location_id", Integer, primary_key=True, autoincrement=False),
        Column("claimed_by", String(255), nullable=False),
        Column("claimed_until_ms", BigInteger, nullable=False),
        options=ddl.OWN,
    )
    ddl.create_table("imagesvc_projects", Column("project_id", String(255), primary_key=True), options=ddl.OWN)
    ddl.create_table(
        "imagesvc_leases",
        Column("name", String(64), primary_key=True),
        Column("holder", String(255), nullable=False),
        Column("until_ms", BigInteger, nullable=False),
        options=ddl.OWN,
    )


def _create_rpc_ops() -> None:
    long_text: sa.types.TypeEngine[str] = Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
    ddl.create_table(
        "imagesvc_rpc_ops",
        Column("op_id", String(36), primary_key=True),
        Column("method", String(64), nullable=False),
        Column("request_hash", CHAR(64), nullable=False),
        Column("result", long_text),
        Column("created_ms", BigInteger, nullable=False),
        options=ddl.OWN,
    )
    ddl.create_index("ix_imagesvc_rpc_ops_created_ms", "imagesvc_rpc_ops", ["created_ms"])


def _create_upload_intents() -> None:
    ddl.create_table(
        "imagesvc_upload_intents",
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
        options=ddl.OWN,
    )
    for column in ("image_id", "project_id", "worker", "lease_until_ms"):
        ddl.create_index(f"ix_imagesvc_upload_intents_{column}", "imagesvc_upload_intents", [column])
