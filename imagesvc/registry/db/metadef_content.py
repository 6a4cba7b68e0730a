"""All that is in a namespace, read, written and measured at once."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Integer, func, select, union_all

from imagesvc import exception
from imagesvc.registry.db import (
    metadef_items,
    metadef_namespaces,
    metadef_objects,
    metadef_properties,
    metadef_resource_types,
    metadef_tags,
    models,
)
from imagesvc.registry.db.transaction import Transaction

Primitive = dict[str, Any]

#: Most characters of a namespace's content; all of it must fit into one answer of the registry.
MOST_CHARACTERS = 1024 * 1024
#: What a row counts besides its text.
_ROW_CHARACTERS = 200

#: The parts of a namespace that have names, by their key in a namespace's primitive.
KINDS: Mapping[str, metadef_items.Kind] = {
    "properties": metadef_properties.KIND,
    "objects": metadef_objects.KIND,
    "tags": metadef_tags.KIND,
}
ASSOCIATIONS = "resource_type_associations"


def read(tx: Transaction, namespace: Primitive) -> Primitive:
    """The namespace with its content."""
    namespace_id = namespace["id"]
    content = {key: metadef_items.all_of(tx, kind, namespace_id) for key, kind in KINDS.items()}
    associations = metadef_resource_types.associations(tx, [namespace_id])[namespace_id]
    return {**namespace, ASSOCIATIONS: associations, **content}


def add(tx: Transaction, namespace_id: int, content: Mapping[str, Sequence[Primitive]]) -> None:
    """Add content to a locked namespace.

    :param content: lists of primitives by the keys of :data:`KINDS`, and :data:`ASSOCIATIONS`; any may be missing.
    :raises MetadefExists: something of that name is there.
    :raises LimitExceeded: it would be too much.
    """
    metadef_resource_types.associate(tx, namespace_id, content.get(ASSOCIATIONS, ()))
    for key, kind in KINDS.items():
        metadef_items.add(tx, kind, namespace_id, content.get(key, ()))
    check_size(tx, namespace_id)


def clear(tx: Transaction, namespace_id: int) -> None:
    """Remove everything from a locked namespace."""
    for kind in KINDS.values():
        metadef_items.remove_all(tx, kind, namespace_id)
    metadef_resource_types.dissociate_all(tx, namespace_id)


def remove(tx: Transaction, namespace_id: int) -> None:
    """Delete a locked namespace with everything in it."""
    clear(tx, namespace_id)
    metadef_namespaces.remove(tx, namespace_id)


def check_size(tx: Transaction, namespace_id: int) -> None:
    """Refuse what has grown too large.

    :raises LimitExceeded: naming the limit.
    """
    parts = [_measure(kind.table, namespace_id) for kind in KINDS.values()]
    parts.append(_measure(models.metadef_namespace_resource_types, namespace_id))
    sizes = union_all(*parts).subquery()
    size = tx.connection.execute(select(func.sum(sizes.c.size))).scalar_one()
    if size > MOST_CHARACTERS:
        raise exception.LimitExceeded(
            reason=f"A namespace may have {MOST_CHARACTERS} characters of content. Attempted: {size}"
        )


def _measure(table: Any, namespace_id: int) -> Any:
    texts = [table.c[name] for name in ("name", "description", "required", "json_schema") if name in table.c]
    size: Any = _ROW_CHARACTERS
    for text in texts:
        size += func.char_length(text) if text.nullable is False else func.coalesce(func.char_length(text), 0)
    total = func.coalesce(func.sum(size), 0)
    return select(total.cast(Integer).label("size")).where(table.c.namespace_id == namespace_id)
