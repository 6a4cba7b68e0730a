# Glance gave this revision no message, so it has no docstring.

revision = "queens_expand01"
down_revision = "pike_expand01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change nothing: the revision keeps both branches alike."""
