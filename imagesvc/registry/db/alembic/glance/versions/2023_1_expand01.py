"""empty expand for symmetry with 2023_1_expand01"""

revision = "2023_1_expand01"
down_revision = "zed_expand01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change nothing: the revision keeps both branches alike."""
