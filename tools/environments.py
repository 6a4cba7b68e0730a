"""The virtual environments that tools/serve, tools/test and tools/client work in, made on first use.

``.venv`` holds the service (editable) with the extras asked for so far, ``.venv-client`` the command-line clients,
``.venv-keystone`` the identity service of the integration tests, and ``.venv-peer`` the Glance that this is compared with,
so that none sees what the others depend on.  All get exactly the versions of constraints.txt; a stamp inside says what was installed, so that a later start that needs nothing
more costs nothing.  Standard library only: this runs before anything is installed.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
CLIENT_VENV = ROOT / ".venv-client"
KEYSTONE_VENV = ROOT / ".venv-keystone"
PEER_VENV = ROOT / ".venv-peer"

_CONSTRAINTS = ROOT / "constraints.txt"
_CLIENTS = ("python-openstackclient", "python-glanceclient")
_KEYSTONE = ("keystone", "gunicorn")
_PEER = ("glance==33.0.0", "PyMySQL", "python-memcached", "uwsgi")
#: Older releases of Glance by their series, and what they need that is older than constraints.txt says.
_OLDER_PEERS = {
    "2023.1": ("glance==26.0.0", "SQLAlchemy==1.4.54", "alembic==1.19.2", "oslo.db==12.3.3", "setuptools==80.9.0"),
    "yoga": ("glance==24.0.0", "SQLAlchemy==1.4.54", "alembic==1.19.2", "oslo.db==11.3.0", "setuptools==80.9.0"),
}
_OLDEST, _NEWEST = (3, 11), (3, 13)


class SetupError(Exception):
    """The environment cannot be made; the text says what to do."""


def service(*extras: str) -> Path:
    """Make .venv with the service and ``extras``; its bin directory."""
    wanted = set(extras) | set(_installed(VENV))
    spec = f"{ROOT}[{','.join(sorted(wanted))}]" if wanted else str(ROOT)
    digest = _digest("constraints.txt", "setup.cfg", "setup.py", "pyproject.toml")
    return _ensure(VENV, digest, sorted(wanted), ["--editable", spec])


def client() -> Path:
    """Make .venv-client with the ``openstack`` and ``glance`` commands; its bin directory."""
    return _ensure(CLIENT_VENV, _digest("constraints.txt"), list(_CLIENTS), list(_CLIENTS))


def keystone() -> Path:
    """Make .venv-keystone with ``keystone-manage`` and a server to run Keystone in; its bin directory."""
    return _ensure(KEYSTONE_VENV, _digest("constraints.txt"), list(_KEYSTONE), list(_KEYSTONE))


def peer() -> Path:
    """Make .venv-peer with Glance, to compare with, and the server it is run in; its bin directory.

    Building that server takes a C compiler and Python's headers.
    """
    return _ensure(PEER_VENV, _digest("constraints.txt"), list(_PEER), list(_PEER))


def older_peer(series: str) -> Path:
    """Make .venv-peer-SERIES with the ``glance-manage`` of an older Glance, ``2023.1`` or ``yoga``; its bin directory."""
    contents = [*_OLDER_PEERS[series], "PyMySQL"]
    return _ensure(ROOT / f".venv-peer-{series}", _digest("constraints.txt"), contents, contents)


def _ensure(venv: Path, digest: str, contents: list[str], arguments: list[str]) -> Path:
    python = venv / "bin" / "python"
    stamp = {"digest": digest, "contents": contents}
    if python.exists() and _read_stamp(venv) == stamp:
        return venv / "bin"
    started = time.monotonic()
    if not (python.exists() and _supported(_version_of(str(python)))):
        _make(venv)
    (venv / "stamp.json").unlink(missing_ok=True)
    _say(f"Installing into {venv.name}, as pinned by constraints.txt (only when something changed)")
    _pip(venv, "setuptools", "wheel")
    _pip(venv, *arguments)
    (venv / "stamp.json").write_text(json.dumps(stamp))
    _say(f"{venv.name} is ready after {time.monotonic() - started:.0f} s")
    return venv / "bin"


def _digest(*names: str) -> str:
    return hashlib.sha256(b"\0".join((ROOT / name).read_bytes() for name in names)).hexdigest()


def _read_stamp(venv: Path) -> dict[str, object]:
    try:
        stamp: dict[str, object] = json.loads((venv / "stamp.json").read_text())
    except (OSError, ValueError):
        return {}
    return stamp


def _installed(venv: Path) -> Iterable[str]:
    contents = _read_stamp(venv).get("contents", [])
    return contents if isinstance(contents, list) else []


# -- making the environment ---------------------------------------------------------------------------


def _make(venv: Path) -> None:
    python = _interpreter()
    _say(f"Creating {venv.name} with {python}")
    if not _has_venv(python):
        _install_venv_package(python)
    shutil.rmtree(venv, ignore_errors=True)
    made = subprocess.run([python, "-m", "venv", str(venv)], capture_output=True, text=True, check=False)
    if made.returncode:
        raise SetupError(f"{python} -m venv failed:\n{made.stdout}{made.stderr}")


def _interpreter() -> str:
    """The running interpreter if it is supported, else the newest supported one on PATH."""
    candidates = [sys.executable, *(f"python3.{minor}" for minor in range(_NEWEST[1], _OLDEST[1] - 1, -1))]
    for candidate in candidates:
        if _supported(_version_of(candidate)):
            return candidate
    have = ".".join(map(str, sys.version_info[:2]))
    raise SetupError(
        f"Python 3.{_OLDEST[1]} to 3.{_NEWEST[1]} is needed; this is {have}, and no other was found on PATH. "
        "On Debian: apt install python3 python3-venv"
    )


def _version_of(python: str) -> tuple[int, ...]:
    command = [python, "-c", "import sys; print(*sys.version_info[:2])"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ()
    return tuple(int(part) for part in answer.split())


def _supported(version: tuple[int, ...]) -> bool:
    return _OLDEST <= version <= _NEWEST


def _has_venv(python: str) -> bool:
    """Debian ships python3 without ensurepip; `python3 -m venv` then fails half-way."""
    return subprocess.run([python, "-c", "import venv, ensurepip"], capture_output=True, check=False).returncode == 0


def _install_venv_package(python: str) -> None:
    package = f"python{'.'.join(map(str, _version_of(python)))}-venv"
    hint = f"Python's venv module is not installed. On Debian or Ubuntu, as root: apt install {package}"
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise SetupError(hint)
    _say(f"Installing the package {package}, which {python} needs to make environments")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "-q", "update"], ["apt-get", "-q", "-y", "install", package]):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SetupError(f"{hint}\n{done.stdout}{done.stderr}")


# -- pip, with progress -------------------------------------------------------------------------------


def _pip(venv: Path, *arguments: str) -> None:
    """Run ``pip install`` and show how far it is; on failure show its output."""
    environment = os.environ | {
        "PIP_CONSTRAINT": str(_constraints(venv, arguments)),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    command = [str(venv / "bin" / "pip"), "install", "--progress-bar", "off", "--no-input", *arguments]
    lines: list[str] = []
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        progress = _Progress()
        for line in process.stdout:
            lines.append(line)
            progress.see(line)
        progress.end()
    if process.returncode:
        raise SetupError("".join(["pip failed:\n", *lines[-40:]]))


def _constraints(venv: Path, arguments: Iterable[str]) -> Path:
    """constraints.txt, without what ``arguments`` name the version of themselves."""
    own = {name.lower() for name, version in (argument.split("==") for argument in arguments if "==" in argument)}
    lines = _CONSTRAINTS.read_text().splitlines()
    path = venv / "constraints.txt"
    path.write_text("\n".join(line for line in lines if line.partition("==")[0].lower() not in own) + "\n")
    return path


class _Progress:
    """Turns pip's lines into one line that counts on a terminal, or into a line now and then in a log."""

    _EVERY = 15

    def __init__(self) -> None:
        self._count = 0
        self._tty = sys.stderr.isatty()

    def see(self, line: str) -> None:
        if match := re.match(r"\s*(?:Collecting|Obtaining|Processing) (\S+)", line):
            self._count += 1
            self._show(f"  {self._count:3} packages found, now {Path(match[1]).name}")
        elif line.startswith("Installing collected packages"):
            self.end()
            _say(f"  unpacking {line.count(',') + 1} packages; this takes a moment")

    def end(self) -> None:
        if self._tty and self._count:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def _show(self, text: str) -> None:
        if self._tty:
            sys.stderr.write(f"\r\x1b[K{text[:100]}")
            sys.stderr.flush()
        elif self._count % self._EVERY == 1:
            _say(text)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
