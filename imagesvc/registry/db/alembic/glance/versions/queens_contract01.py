# Glance gave this revision no message, so it has no docstring.

revision = "queens_contract01"
down_revision = "pike_contract01"
branch_labels = None
depends_on = ("queens_expand01",)


def upgrade() -> None:
    """Change nothing: the revision keeps both branches alike."""
