"""empty expand for symmetry with train_contract01"""

revision = "train_expand01"
down_revision = "rocky_expand02"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change nothing: the revision keeps both branches alike."""
