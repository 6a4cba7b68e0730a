# Glance gave this revision no message, so it has no docstring.

revision = "train_contract01"
down_revision = "rocky_contract02"
branch_labels = None
depends_on = ("train_expand01",)


def upgrade() -> None:
    """Change nothing: the revision keeps both branches alike."""
