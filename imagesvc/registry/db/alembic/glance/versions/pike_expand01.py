"""empty expand for symmetry with pike_contract01"""

revision = "pike_expand01"
down_revision = "ocata_expand01"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change nothing: the revision keeps both branches alike."""
