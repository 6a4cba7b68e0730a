"""Write the sample files under etc/ from the options and policies, or check that they are current.

Without arguments it compares and fails on a difference; ``--write`` replaces the files.
"""

import difflib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
_GENERATORS = {
    "glance-api.conf": ["oslo-config-generator", "--config-file", "tools/config-generator/glance-api.conf"],
    "glance-registry.conf": ["oslo-config-generator", "--config-file", "tools/config-generator/glance-registry.conf"],
    "policy.yaml.sample": ["oslopolicy-sample-generator", "--config-file", "tools/config-generator/policy.conf"],
}


def main() -> None:
    write = sys.argv[1:] == ["--write"]
    stale = [name for name in _GENERATORS if not _is_current(name, write)]
    if stale:
        sys.exit(f"out of date: {', '.join(f'etc/{name}' for name in stale)}. Run: tools/samples.py --write")


def _is_current(name: str, write: bool) -> bool:
    sample = _ROOT / "etc" / name
    wanted = _generate(name)
    have = sample.read_text() if sample.exists() else ""
    if write:
        sample.write_text(wanted)
    elif have != wanted:
        lines = difflib.unified_diff(
            have.splitlines(), wanted.splitlines(), f"etc/{name}", "the options say", n=1, lineterm=""
        )
        print(*list(lines)[:40], sep="\n")
        return False
    return True


def _generate(name: str) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "PYTHONWARNINGS": "ignore"}
    with tempfile.NamedTemporaryFile("r", suffix=name) as output:
        command = [*_GENERATORS[name], "--output-file", output.name]
        subprocess.run(command, cwd=_ROOT, env=environment, check=True)
        return "\n".join(line.rstrip() for line in Path(output.name).read_text().splitlines()) + "\n"


if __name__ == "__main__":
    main()
