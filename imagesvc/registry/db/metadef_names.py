"""Names that metadata definitions can be looked for by."""

from imagesvc.registry.db.transaction import Transaction

_LONGEST = 80
#: The last character that MySQL's three-byte character set has.
_LAST_OF_THREE_BYTES = "\uffff"


def is_possible(tx: Transaction, name: str) -> bool:
    """Whether anything could be called so; databases fail in ways of their own when asked for what is no text."""
    if not name or len(name) > _LONGEST or "\0" in name:
        return False
    if tx.is_mysql and max(name) > _LAST_OF_THREE_BYTES:
        return False
    return not any("\ud800" <= character <= "\udfff" for character in name)
