"""What both services stand on during a run, and ours: servers on the loopback interface, all gone afterwards."""

import contextlib
import dataclasses
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import catalogue
import peer
from measure import Target

from tests.fixtures import keystone, rabbit, servers
from tests.fixtures.daemons import BIN, deployed

_RAM_DISK = Path("/dev/shm")  # noqa: S108 - a mount, not a file
_POLICY_FILE = "policy.yaml"
_PROJECT = "bench"


@dataclasses.dataclass
class Foundation:
    """Servers that outlive single settings.

    :param token: of a member of the project that owns the catalogue.
    """

    directory: Path
    database: servers.Server
    keystone: keystone.Keystone
    memcached: keystone.Memcached
    broker: rabbit.Broker | None
    token: str
    owner: str

    def options(self, url: str) -> dict[str, dict[str, Any]]:
        """What both services are told."""
        return {
            "database": {"connection": url},
            "paste_deploy": {"flavor": "keystone"},
            "keystone_authtoken": self.keystone.options(self.memcached),
            "oslo_policy": {"policy_file": self.policy_file},
        }

    @property
    def policy_file(self) -> Path:
        return self.directory / _POLICY_FILE


@contextlib.contextmanager
def foundation(kind: str, *, with_broker: bool) -> Iterator[Foundation]:
    """:param kind: mariadb or postgresql."""
    with contextlib.ExitStack() as stack:
        place = str(_RAM_DISK) if os.access(_RAM_DISK, os.W_OK) else None
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="imagesvc-bench-", dir=place)))
        # By default tasks are for administrators.
        (directory / _POLICY_FILE).write_text('"tasks_api_access": "role:member"\n')
        database = stack.enter_context(servers.started(servers.KINDS[kind]))
        identity = stack.enter_context(keystone.running())
        memcached = stack.enter_context(contextlib.closing(keystone.Memcached()))
        broker = stack.enter_context(rabbit.running()) if with_broker else None
        user = identity.user("bench", _PROJECT, "member")
        token = identity.token(user)
        yield Foundation(directory, database, identity, memcached, broker, token, identity.project(_PROJECT))


@contextlib.contextmanager
def ours(base: Foundation, transport: str, images: int, workers: int) -> Iterator[Target]:
    """imagesvc on a catalogue of its own.

    :param transport: local or rabbit.
    """
    directory = Path(tempfile.mkdtemp(prefix="ours-", dir=base.directory))
    url = base.database.url(base.database.create())
    options = base.options(url) | {
        "DEFAULT": {"workers": workers, "enabled_backends": "fs:file", "state_path": directory},
        "fs": {"filesystem_store_datadir": directory / "images"},
        "glance_store": {"default_backend": "fs"},
        "registry": {"workers": workers},
    }
    shared = {"database": base.database.pid}
    if transport == "rabbit":
        assert base.broker is not None
        key_file = directory / "rpc.keys"
        options["DEFAULT"]["transport_url"] = base.broker.url(base.broker.vhost())
        options["rpc"] = {"signing_key_file": key_file}
        _make_key(directory, key_file)
        shared["broker"] = base.broker.pid
    with deployed(directory, options, database_url=None) as service:
        catalogue.fill(url, images, base.owner)
        pids = {name: process.pid for name, process in service.processes.items()}
        yield Target(f"imagesvc, {transport}", service.url, pids, {"X-Auth-Token": base.token}, shared)


def _make_key(directory: Path, key_file: Path) -> None:
    configuration = directory / "key.conf"
    configuration.write_text(f"[rpc]\nsigning_key_file = {key_file}\n")
    subprocess.run(
        [BIN / "glance-manage", "--config-file", configuration, "rpc_key", "create"], check=True, capture_output=True
    )


@contextlib.contextmanager
def glance(base: Foundation, images: int, workers: int) -> Iterator[Target]:
    """Glance on an equal catalogue."""
    directory = Path(tempfile.mkdtemp(prefix="glance-", dir=base.directory))
    url = base.database.url(base.database.create())
    with peer.running(directory, base.options(url), workers) as target:
        catalogue.fill(url, images, base.owner)
        yield dataclasses.replace(target, headers={"X-Auth-Token": base.token}, shared={"database": base.database.pid})
