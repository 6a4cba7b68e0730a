"""The schema revisions this release stands on; a test compares them with the migration scripts."""

from typing import Final

GLANCE_VERSION_TABLE: Final = "alembic_version"
OWN_VERSION_TABLE: Final = "imagesvc_alembic_version"

EXPAND_HEAD: Final = "2024_1_expand01"
CONTRACT_HEAD: Final = "2024_1_contract01"
#: What this release can work on, too, once it is expanded: the contracted schema of the release before.
FORMER_CONTRACT_HEAD: Final = "2023_1_contract01"

#: Ids of our own revisions sort as they follow each other; what one adds no later one takes away without a substitute, so a newer one is as good.
OWN_HEAD: Final = "imagesvc_0007"


def is_current(glance: set[str], own: set[str]) -> bool:
    """Whether this release can work on a database whose version tables hold these revisions.

    It is contracted only when no registry of the former release runs any more, so until then expanded must do.
    """
    contracted = CONTRACT_HEAD in glance or {EXPAND_HEAD, FORMER_CONTRACT_HEAD} <= glance
    return contracted and any(revision >= OWN_HEAD for revision in own)
