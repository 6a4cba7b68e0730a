"""Hands alembic the connection it was called with; see imagesvc.registry.db.scripts."""

from imagesvc.registry.db import scripts

scripts.run_in_environment()
