# Glance gave this revision no message, so it has no docstring.

revision = "rocky_contract02"
down_revision = "rocky_contract01"
branch_labels = None
depends_on = ("rocky_expand02",)


def upgrade() -> None:
    """Change nothing: the revision keeps both branches alike."""
