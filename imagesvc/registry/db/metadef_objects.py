"""Objects of namespaces: groups of properties."""

import json
from typing import Any

from imagesvc.registry.db import metadef_items, models


def _read(row: Any) -> metadef_items.Primitive:
    return {
        "name": row.name,
        "description": row.description,
        "required": row.required.split(",") if row.required else [],
        "properties": json.loads(row.json_schema) if row.json_schema else {},
    }


def _write(item: metadef_items.Primitive) -> dict[str, Any]:
    return {
        "name": item["name"],
        "description": item["description"],
        # Glance's form, in which a comma separates the names.
        "required": ",".join(item["required"]) or None,
        "json_schema": json.dumps(item["properties"], ensure_ascii=False),
    }


KIND = metadef_items.Kind("object", models.metadef_objects, _read, _write)
