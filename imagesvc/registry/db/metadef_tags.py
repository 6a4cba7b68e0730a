"""Tags of namespaces: words and nothing else."""

from typing import Any

from imagesvc.registry.db import metadef_items, models


def _read(row: Any) -> metadef_items.Primitive:
    return {"name": row.name}


def _write(item: metadef_items.Primitive) -> dict[str, Any]:
    return {"name": item["name"]}


KIND = metadef_items.Kind("tag", models.metadef_tags, _read, _write, newest_first=True)
