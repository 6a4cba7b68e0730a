"""update metadef os_nova_server

The resource type that was called OS::Nova::Instance is called OS::Nova::Server, as in Heat.
"""

import sqlalchemy as sa
from alembic import op

revision = "mitaka02"
down_revision = "mitaka01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    types = sa.table("metadef_resource_types", sa.column("name", sa.String))
    connection = op.get_bind()
    if not connection.scalar(sa.select(sa.func.count()).where(types.c.name == "OS::Nova::Server")):
        connection.execute(types.update().where(types.c.name == "OS::Nova::Instance").values(name="OS::Nova::Server"))
