"""Runs the clients' commands, one after the other; a program of .venv-client's Python that stands alone.

A line of standard input is one command as JSON: ``words``, ``directory`` and ``input``.  The line of standard output that answers it
has its ``status`` and what it wrote, ``output`` and ``errors``.  The first word is ``openstack``, ``glance``, or one of ``cloud`` and
``images``: then the second is an expression in Python in which ``cloud`` is openstacksdk's connection, or ``images`` glanceclient's
client, and its value is written as JSON.

The libraries are loaded once, for that takes longer than the commands; each runs in a process of its own.
"""

import contextlib
import importlib
import json
import logging
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

#: After which a command is ended; one that asks for a password waits for ever.
_SECONDS = 120


def main() -> None:
    _load()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_answer(json.loads(line))) + "\n")
        sys.stdout.flush()


def _load() -> None:
    """What every command needs, to be there before processes part: the libraries, and the list of plugins."""
    for name in (
        "glanceclient.v2.shell",
        "openstack.connection",
        "openstackclient.shell",
        "openstackclient.image.v2.image",
    ):
        importlib.import_module(name)
    shell = importlib.import_module("openstackclient.shell")
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.suppress(SystemExit):
        shell.OpenStackShell().run(["help", "image", "list"])
    logging.getLogger().handlers.clear()


def _answer(command: dict[str, Any]) -> dict[str, Any]:
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors, _input(command["input"]) as given:
        child = os.fork()
        if child == 0:
            signal.alarm(_SECONDS)
            for number, descriptor in enumerate((given, output.fileno(), errors.fileno())):
                os.dup2(descriptor, number)
            os._exit(_run(command["words"], command["directory"]))
        _, status = os.waitpid(child, 0)
        return {
            "status": os.waitstatus_to_exitcode(status),
            "output": _content(output),
            "errors": _content(errors),
        }


@contextlib.contextmanager
def _input(text: str) -> Iterator[int]:
    """A descriptor to read ``text`` from; without text it is a terminal at which nobody types."""
    if text:
        with tempfile.TemporaryFile() as file:
            file.write(text.encode())
            file.seek(0)
            yield file.fileno()
        return
    terminal, end = os.openpty()
    try:
        yield end
    finally:
        os.close(terminal)
        os.close(end)


def _content(file: Any) -> str:
    file.seek(0)
    return str(file.read().decode("utf-8", "backslashreplace"))


def _run(words: list[str], directory: str) -> int:
    """The exit status of a command."""
    os.chdir(directory)
    for name in [name for name in os.environ if name.startswith("OS_")]:
        del os.environ[name]
    sys.stdin = open(0, encoding="utf-8")  # noqa: SIM115 - what was read ahead from the parent's is not the command's
    try:
        status = _PROGRAMS[words[0]](words[1:])
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) or end.code is None else 1
    except BaseException as error:  # noqa: BLE001 - what the interpreter would do
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        status = 1
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    return int(status or 0)


def _openstack(words: list[str]) -> Any:
    from openstackclient import shell

    sys.argv = ["openstack", *words]
    return shell.main(words)


def _glance(words: list[str]) -> Any:
    from glanceclient import shell

    os.environ["HOME"] = str(Path.cwd())  # it keeps the server's schemas there
    sys.argv = ["glance", *words]
    return shell.main()


def _cloud(words: list[str]) -> None:
    from openstack import connection

    url, expression = words
    cloud = connection.Connection(auth_type="none", endpoint=url)
    _show(eval(expression, {"cloud": cloud}))  # noqa: S307 - ours


def _images(words: list[str]) -> None:
    import glanceclient

    url, expression = words
    images = glanceclient.Client("2", endpoint=url, token="none")
    _show(eval(expression, {"images": images}))  # noqa: S307 - ours


def _show(value: Any) -> None:
    json.dump(_plain(value), sys.stdout, indent=1, sort_keys=True, default=repr)
    sys.stdout.write("\n")


def _plain(value: Any) -> Any:
    """``value`` without the libraries' own classes; of a resource what the service said."""
    if hasattr(value, "to_dict"):
        return {name: _plain(item) for name, item in value.to_dict(computed=False, original_names=True).items()}
    if isinstance(value, dict) or hasattr(value, "keys"):
        return {str(name): _plain(value[name]) for name in value.keys()}  # noqa: SIM118 - not all are dictionaries
    if isinstance(value, list | tuple | set) or hasattr(value, "__next__"):
        return [_plain(item) for item in value]
    return value


_PROGRAMS = {"openstack": _openstack, "glance": _glance, "cloud": _cloud, "images": _images}

if __name__ == "__main__":
    main()
