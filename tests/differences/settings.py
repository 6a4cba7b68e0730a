"""How services are configured that are compared."""

from pathlib import Path
from typing import Any

#: Quotas small enough to be reached by a case.
DEFAULT = {"image_tag_quota": 10, "image_property_quota": 20, "image_member_quota": 5}


def options(directory: str) -> dict[str, dict[str, Any]]:
    """Sections of our configuration file.

    :param directory: where the stores are.
    """
    stores = {name: {"filesystem_store_datadir": f"{directory}/{name}"} for name in ("fast", "cheap")}
    return {
        "DEFAULT": {**DEFAULT, "enabled_backends": "fast:file,cheap:file"},
        "glance_store": {"default_backend": "fast"},
        **stores,
        "oslo_middleware": {"enable_proxy_headers_parsing": True},
        "oslo_policy": {"enforce_new_defaults": True},
        "paste_deploy": {"flavor": "trusted-auth"},
    }


def peer_sections(directory: Path) -> str:
    """What glance-api.conf of a peer needs beside a database and a paste file."""
    sections = options(str(directory))
    sections.pop("paste_deploy")
    for name in ("os_glance_staging_store", "os_glance_tasks_store"):
        sections[name] = {"filesystem_store_datadir": f"{directory}/{name}"}
    lines = []
    for section, values in sections.items():
        lines += [f"[{section}]", *(f"{name} = {value}" for name, value in values.items())]
    return "\n".join(lines)
