"""Properties of namespaces: each a JSON Schema with some words for people."""

import json
from typing import Any

from imagesvc.registry.db import metadef_items, models


def _read(row: Any) -> metadef_items.Primitive:
    return {"name": row.name, "schema": json.loads(row.json_schema) if row.json_schema else {}}


def _write(item: metadef_items.Primitive) -> dict[str, Any]:
    return {"name": item["name"], "json_schema": json.dumps(item["schema"], ensure_ascii=False)}


KIND = metadef_items.Kind("property", models.metadef_properties, _read, _write)
