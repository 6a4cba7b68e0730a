# Glance gave this revision no message, so it has no docstring.

revision = "zed_contract01"
down_revision = "yoga_contract01"
branch_labels = None
depends_on = ("zed_expand01",)


def upgrade() -> None:
    """Change nothing: the revision keeps both branches alike."""
