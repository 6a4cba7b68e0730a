# Glance gave this revision no message, so it has no docstring.

revision = "xena_contract01"
down_revision = "wallaby_contract01"
branch_labels = None
depends_on = ("xena_expand01",)


def upgrade() -> None:
    """Change nothing: the revision keeps both branches alike."""
