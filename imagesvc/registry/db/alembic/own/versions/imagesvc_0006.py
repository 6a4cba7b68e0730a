"""index tasks in the order of their creation, of everybody and of each owner, and by when they expire"""

from imagesvc.registry.db import ddl

revision = "imagesvc_0006"
down_revision = "imagesvc_0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    order = ("deleted", "created_at", "id")
    ddl.create_index("imagesvc_tasks_by_created_at", "tasks", order)
    ddl.create_index("imagesvc_tasks_of_owner_by_created_at", "tasks", ("owner", *order))
    ddl.create_index("imagesvc_tasks_by_expires_at", "tasks", ("deleted", "expires_at"))
