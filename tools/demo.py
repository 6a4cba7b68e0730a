"""One image through the service with the real openstack client, as the installation guides show it."""

import hashlib
import random
import shlex
import shutil
import subprocess
import tempfile
import uuid
from pathlib import Path

import daemons
import qcow2

_DISK_BYTES = 256 << 20
_CONTENT_BYTES = 48 << 20


def show(place: daemons.Place, client: Path) -> None:
    """Make a qcow2 image, upload it, show it, download it and compare.

    :param client: the directory with the ``openstack`` command.
    :raises daemons.DaemonError: a step failed, or the bytes that came back differ.
    """
    image_id = str(uuid.uuid4())
    with tempfile.TemporaryDirectory(prefix="demo-", dir=place.state) as directory:
        disk, copy = Path(directory, "demo.qcow2"), Path(directory, "copy.qcow2")
        _make_disk(disk)
        _openstack(
            place, client, "image", "create", "--id", image_id, "--disk-format", "qcow2", "--container-format", "bare",
            "--file", str(disk), "--progress", "demo",
        )  # fmt: skip
        _openstack(place, client, "image", "show", image_id)
        _openstack(place, client, "image", "save", "--file", str(copy), image_id)
        _compare(disk, copy)


def _make_disk(path: Path) -> None:
    raw = path.with_suffix(".raw")
    _write_raw(raw)
    if shutil.which("qemu-img"):
        print("Making a qcow2 image with qemu-img", flush=True)
        subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(raw), str(path)], check=True)
    else:
        print("Making a qcow2 image", flush=True)
        qcow2.write(raw, path)
    raw.unlink()


def _write_raw(path: Path) -> None:
    """A disk with a partition table, data in its first part and nothing in the rest."""
    seed = random.Random(path.name)
    entry = (
        bytes([0x80, 0, 2, 0, 0x83, 0, 0, 0])
        + (2048).to_bytes(4, "little")
        + (_DISK_BYTES // 512 - 2048).to_bytes(4, "little")
    )
    boot_sector = (b"\0" * 446 + entry).ljust(510, b"\0") + b"\x55\xaa"
    with path.open("wb") as disk:
        disk.write(boot_sector)
        disk.seek(1 << 20)
        for _ in range(_CONTENT_BYTES >> 20):
            disk.write(seed.randbytes(1 << 20))
        disk.truncate(_DISK_BYTES)


def _openstack(place: daemons.Place, client: Path, *arguments: str) -> None:
    command = ["openstack", "--os-auth-type", "none", "--os-endpoint", place.url, *arguments]
    print(f"\n$ {shlex.join(command)}", flush=True)
    done = subprocess.run([client / command[0], *command[1:]], check=False)
    if done.returncode:
        raise daemons.DaemonError(f"the demo failed: openstack ended with status {done.returncode}")


def _compare(sent: Path, received: Path) -> None:
    digests = [_sha512(path) for path in (sent, received)]
    for path, digest in zip((sent, received), digests, strict=True):
        print(f"sha512 {digest[:32]}...  {path.stat().st_size} bytes  {path.name}")
    if digests[0] != digests[1]:
        raise daemons.DaemonError("the demo failed: the downloaded bytes differ from the uploaded ones")
    print("The download equals the upload.\n", flush=True)


def _sha512(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha512").hexdigest()
