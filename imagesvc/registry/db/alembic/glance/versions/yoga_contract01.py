# Glance gave this revision no message, so it has no docstring.

revision = "yoga_contract01"
down_revision = "xena_contract01"
branch_labels = None
depends_on = ("yoga_expand01",)


def upgrade() -> None:
    """Change nothing: the revision keeps both branches alike."""
