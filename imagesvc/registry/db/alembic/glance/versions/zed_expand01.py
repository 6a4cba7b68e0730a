"""empty expand for symmetry with 2023_1_expand01"""

revision = "zed_expand01"
down_revision = "yoga_expand01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change nothing: the revision keeps both branches alike."""
