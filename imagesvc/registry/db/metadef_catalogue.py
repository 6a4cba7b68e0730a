"""Whole namespaces at once, for glance-manage: loaded from the files of a catalogue, removed, and told as such files have them."""

import enum
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete

from imagesvc.registry.db import (
    metadef_content,
    metadef_items,
    metadef_namespaces,
    metadef_resource_types,
    models,
)
from imagesvc.registry.db.transaction import Transaction

Primitive = dict[str, Any]


class Mode(enum.Enum):
    """What becomes of a namespace that is there already."""

    KEEP = "kept"
    ADD = "added to"
    UPDATE = "updated"
    OVERWRITE = "overwritten"


def load(tx: Transaction, fields: Mapping[str, Any], content: Mapping[str, Sequence[Primitive]], mode: Mode) -> bool:
    """Bring one namespace into the database; whether it is new.

    :param fields: columns of the namespace; what is there keeps its own with ``KEEP`` and ``ADD``.
    :param content: as of :func:`imagesvc.registry.db.metadef_content.add`.
    :param mode: ``ADD`` adds what is missing, ``UPDATE`` besides replaces what has the same name, ``OVERWRITE`` removes all
        other content.
    """
    namespace = metadef_namespaces.get(tx, fields["namespace"], lock=True)
    if namespace is None:
        created = metadef_namespaces.create(tx, fields)
        metadef_content.add(tx, created["id"], content)
        return True
    if mode is Mode.KEEP:
        return False
    if mode is not Mode.ADD:
        metadef_namespaces.save(tx, namespace, fields)
    if mode is Mode.OVERWRITE:
        metadef_content.clear(tx, namespace["id"])
    else:
        content = _missing(tx, namespace, content, update=mode is Mode.UPDATE)
    metadef_content.add(tx, namespace["id"], content)
    return False


def unload(tx: Transaction) -> int:
    """Delete all metadata definitions, resource types included; how many namespaces there were."""
    count = len(metadef_namespaces.all_names(tx))
    for table in (
        *(kind.table for kind in metadef_content.KINDS.values()),
        models.metadef_namespace_resource_types,
        models.metadef_namespaces,
        models.metadef_resource_types,
    ):
        tx.connection.execute(delete(table))
    return count


def export(tx: Transaction) -> list[Primitive]:
    """All namespaces with their content."""
    found = [metadef_namespaces.get(tx, name) for name in metadef_namespaces.all_names(tx)]
    return [metadef_content.read(tx, namespace) for namespace in found if namespace is not None]


def _missing(
    tx: Transaction, namespace: Primitive, content: Mapping[str, Sequence[Primitive]], *, update: bool
) -> Primitive:
    """The part of ``content`` that the namespace does not have; what it has is replaced if ``update`` says so."""
    present = metadef_content.read(tx, namespace)
    missing: Primitive = {}
    for key, items in content.items():
        known = {_key(tx, item): item for item in present[key]}
        missing[key] = [item for item in items if _key(tx, item) not in known]
        same = [item for item in items if _key(tx, item) in known]
        if update and key == metadef_content.ASSOCIATIONS:
            missing[key] += _dissociated(tx, namespace["id"], same)
        elif update:
            _replace(tx, metadef_content.KINDS[key], namespace["id"], same)
    return missing


def _key(tx: Transaction, item: Primitive) -> str:
    name: str = item["name"]
    return name.casefold() if tx.is_mysql else name


def _replace(tx: Transaction, kind: metadef_items.Kind, namespace_id: int, items: Sequence[Primitive]) -> None:
    for item in items:
        row_id, before = metadef_items.get(tx, kind, namespace_id, item["name"])
        metadef_items.replace(tx, kind, row_id, before, item)


def _dissociated(tx: Transaction, namespace_id: int, items: Sequence[Primitive]) -> list[Primitive]:
    """``items``, after the associations of their names are gone."""
    for item in items:
        type_id, _ = metadef_resource_types.association(tx, namespace_id, item["name"])
        metadef_resource_types.dissociate(tx, namespace_id, type_id)
    return list(items)
