# Glance gave this revision no message, so it has no docstring.

revision = "ussuri_contract01"
down_revision = "train_contract01"
branch_labels = None
depends_on = ("ussuri_expand01",)


def upgrade() -> None:
    """Change nothing: the revision keeps both branches alike."""
