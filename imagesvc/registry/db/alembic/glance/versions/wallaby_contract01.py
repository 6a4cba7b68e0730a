# Glance gave this revision no message, so it has no docstring.

revision = "wallaby_contract01"
down_revision = "ussuri_contract01"
branch_labels = None
depends_on = ("wallaby_expand01",)


def upgrade() -> None:
    """Change nothing: the revision keeps both branches alike."""
