"""How the two services are configured."""

from pathlib import Path
from typing import Any

from tests.differences import settings
from tests.fixtures.peer import PASTE

Options = dict[str, dict[str, Any]]


def options(directory: Path) -> Options:
    """Sections of our configuration file; stores are in the directory."""
    found = settings.options(str(directory))
    found["DEFAULT"] |= {"show_multiple_locations": True, "enabled_backends": "fast:file,cheap:file,web:http"}
    found["import_filtering_opts"] = {"allowed_hosts": "[127.0.0.1]", "allowed_ports": "[80,443]"}
    return found


def shared(directory: Path) -> Options:
    """What Glance is told of it."""
    found = options(directory)
    paste = directory / "api-paste.ini"
    paste.write_text(PASTE)
    found["paste_deploy"] = {"flavor": "", "config_file": paste}
    found["database"] = {"connection": f"sqlite:///{directory}/glance.sqlite"}
    for name in ("fast", "cheap"):
        Path(found[name]["filesystem_store_datadir"]).mkdir()
    return found
