"""File systems of their own for tests that break them; root is needed, and its absence is a failure, not a skip."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures import clone, guide
from tests.fixtures import machine as machines
from tests.fixtures.daemons import wait_for
from tests.integration.conftest import pytest_collect_directory  # noqa: F401 - directories with the functional suite


@pytest.fixture(scope="session", autouse=True)
def root():
    assert os.geteuid() == 0, "these tests mount file systems: run them as root"


class Filesystem:
    """A mounted file system.

    :param options: of ``mount``.
    """

    def __init__(self, source: str, directory: Path, *options: str) -> None:
        self._mount = ["mount", *options, source, str(directory)]
        self.directory = directory

    def mount(self) -> None:
        subprocess.run(self._mount, check=True)

    def unmount(self) -> None:
        """Once the killed processes are gone for good: that takes a moment."""
        command = ["umount", str(self.directory)]
        wait_for("end of use", lambda: subprocess.run(command, capture_output=True, check=False).returncode == 0)


@contextlib.contextmanager
def _mounted(filesystem: Filesystem) -> Iterator[Filesystem]:
    filesystem.directory.mkdir()
    filesystem.mount()
    try:
        yield filesystem
    finally:
        subprocess.run(["umount", "--lazy", str(filesystem.directory)], check=False, capture_output=True)


@pytest.fixture
def ext4(tmp_path):
    """An ext4 file system in a file: one whose power can be cut."""
    file = tmp_path / "ext4.image"
    with file.open("wb") as image:
        image.truncate(400 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(file)], check=True)
    with _mounted(Filesystem(str(file), tmp_path / "ext4", "-o", "loop")) as filesystem:
        yield filesystem


@pytest.fixture
def small_tmpfs(tmp_path):
    """8 MiB, to be filled."""
    with _mounted(Filesystem("tmpfs", tmp_path / "tmpfs", "-t", "tmpfs", "-o", "size=8m")) as filesystem:
        yield filesystem


#: What of the installation page a distribution's package would do.
_PACKAGE = ("The package", "The user, the files, the units")


@pytest.fixture(scope="session")
def packaged(tmp_path_factory):
    """A machine, over now, on which the installation page's first sections were followed: programs, user, files, units."""
    with machines.machine(tmp_path_factory.mktemp("packaged") / "controller") as controller:
        clone.copy(controller.file("/root/imagesvc"))
        machines.use_wheels(controller)
        controller.run("cd /root/imagesvc")
        for step in guide.steps("install/index.rst"):
            if step.section in _PACKAGE:
                guide.do(step, controller)
    return controller
