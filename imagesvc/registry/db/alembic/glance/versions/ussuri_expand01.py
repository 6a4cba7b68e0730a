"""empty expand for symmetry with ussuri_expand01"""

revision = "ussuri_expand01"
down_revision = "train_expand01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change nothing: the revision keeps both branches alike."""
