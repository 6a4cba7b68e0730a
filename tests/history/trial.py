"""One trial: a deployment, a load, faults, and the verdict."""

import collections
import contextlib
import dataclasses
import os
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.fixtures.daemons import Deployment
from tests.fixtures.failpoints import Failpoints
from tests.fixtures.images import ImageClient
from tests.history import checker
from tests.history.client import LoggingClient, view
from tests.history.faults import Nemesis
from tests.history.log import FINAL, History
from tests.history.servers import Fault
from tests.history.workload import CLIENTS, PATIENCE, Load

#: Seconds within which everything that died has been cleaned up behind when nothing dies any more: a janitor that died holds
#: what it had claimed for 60 s, the next reaper waits for the lease of the last one, and the machine is busy.
SETTLE_SECONDS = 120.0
#: A call's deadline is 8 s at most; beyond it only a registry that was frozen between its look at the clock and its commit.
BOUNDS = checker.Bounds(late=45, settled=SETTLE_SECONDS, patience=PATIENCE)

Options = Mapping[str, Mapping[str, Any]]

#: Deadlines shorter than the longest freeze, so that outcomes become unknown and calls come too late.
IMPATIENT: Options = {"rpc": {"try_timeout": 1, "metadata_deadline": 4, "commit_deadline": 8}}
#: For those who try no outage: leases and deadlines as operators have them.
PATIENT: Options = {"registry": {"upload_lease": 30}}

_SEED_VARIABLE = "IMAGESVC_SEED"


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """What a trial came to.

    :ivar faults: what was done to the service, in order.
    """

    seed: str
    history: History
    faults: Sequence[str]
    anomalies: Sequence[checker.Anomaly]
    seconds: float

    def __str__(self) -> str:
        counts = collections.Counter(operation.outcome for operation in self.history)
        outcomes = ", ".join(f"{number} {outcome}" for outcome, number in sorted(counts.items()))
        images = len(self.history.by_image())
        return (
            f"seed {self.seed}: {len(self.history)} operations on {images} images ({outcomes}), "
            f"{len(self.faults)} faults, {len(self.anomalies)} anomalies, {self.seconds:.0f} s"
        )

    def report(self, limit: int = 20) -> str:
        """For the reader of a failed test."""
        lines = [str(self), f"again: {_SEED_VARIABLE}={self.seed}", *map(str, self.anomalies[:limit])]
        return "\n".join([*lines, f"faults: {collections.Counter(self.faults)}"])


def seed() -> str:
    """From the environment, else a new one."""
    return os.environ.get(_SEED_VARIABLE) or str(random.SystemRandom().randrange(1 << 32))


def options(
    transport_url: str | None = None, database_url: str | None = None, pace: Options = IMPATIENT
) -> dict[str, dict[str, Any]]:
    """What a deployment under trial is configured with.

    :param transport_url: None for ``local://``; :param database_url: None for SQLite.
    """
    chosen: dict[str, dict[str, Any]] = {
        # Where data is must be seen from outside.
        "DEFAULT": {"show_multiple_locations": True, "workers": 2, "graceful_shutdown_timeout": 30},
        "registry": {"workers": 2},
        "rpc": {},
    }
    for section, values in pace.items():
        chosen[section].update(values)
    if transport_url is not None:
        chosen["DEFAULT"]["transport_url"] = transport_url
    if database_url is not None:
        chosen["database"] = {"connection": database_url}
    return chosen


@dataclasses.dataclass(frozen=True, slots=True)
class Site:
    """What is under trial.

    :ivar deployments: of one catalogue and one store, which is the first one's.
    :ivar faults: of its broker and database, by name.
    :ivar failpoints: of the first deployment, where its transport is ``local://``.
    """

    deployments: Sequence[Deployment]
    faults: Mapping[str, Fault] = dataclasses.field(default_factory=dict)
    failpoints: Failpoints | None = None


@contextlib.contextmanager
def site(
    directory: Path,
    hosts: int = 1,
    transport_url: str | None = None,
    database_url: str | None = None,
    faults: Mapping[str, Fault] | None = None,
    pace: Options = IMPATIENT,
) -> Iterator[Site]:
    """Both daemons on each of the hosts, under a name and on ports of their own, with one store, transport and database.

    :param transport_url: None for ``local://``: the hosts then share a directory for their sockets, too.
    :param database_url: None for SQLite.
    :param pace: :data:`IMPATIENT` or :data:`PATIENT`.
    """
    failpoints = Failpoints(directory / "failpoints") if transport_url is None else None
    deployments: list[Deployment] = []
    try:
        for number in range(hosts):
            home = directory / f"host-{number}"
            home.mkdir()
            deployments.append(
                Deployment(home, _of_host(number, directory, options(transport_url, database_url, pace)))
            )
        if failpoints is not None:
            deployments[0].environment = failpoints.environment
        for deployment in deployments:
            deployment.configure()
        if transport_url is not None:
            deployments[0].manage("rpc_key", "create")
        deployments[0].manage("db_sync")
        for deployment in deployments:
            deployment.start()
        yield Site(deployments, faults or {}, failpoints)
    finally:
        for deployment in deployments:
            deployment.close()


def _of_host(number: int, directory: Path, chosen: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """``chosen`` with what differs between hosts that share an image store."""
    chosen["DEFAULT"]["host"] = f"host-{number}"
    if "transport_url" not in chosen["DEFAULT"]:
        chosen["DEFAULT"]["state_path"] = directory / "state"
    else:
        chosen["rpc"]["signing_key_file"] = directory / "rpc.keys"
        chosen["glance_store"] = {"filesystem_store_datadir": directory / "host-0" / "state" / "images"}
    return chosen


def conduct(site: Site, faults: int, seed: str, clients: int = CLIENTS) -> Verdict:
    """Load, faults, and what the checker says of them; leaves ``history.jsonl`` behind when something is wrong."""
    print(f"{_SEED_VARIABLE}={seed}")  # noqa: T201 -- without it a failed run could not be repeated
    began = time.monotonic()
    history = History()
    nemesis = Nemesis(site.deployments, seed, history.acknowledged, site.faults, site.failpoints)
    log = site.deployments[0].directory / "history.jsonl"
    try:
        with Load([deployment.url for deployment in site.deployments], seed, history, clients):
            nemesis.run(faults)
        remains = read_everything(site.deployments[0], history)
        anomalies = checker.check(history, remains, BOUNDS)
    except BaseException:
        history.save(log)
        raise
    if anomalies:
        history.save(log)
    return Verdict(seed, history, nemesis.done, anomalies, time.monotonic() - began)


def read_everything(
    deployment: Deployment, history: History, settle_seconds: float = SETTLE_SECONDS
) -> checker.Remains:
    """Wait until the service has cleaned up, then read each image there ever was, the list, and the directories.

    Images without data get some first: nothing that an upload left behind may be in the way.  What is not clean when the time
    is up is for the checker to find.
    """
    api = ImageClient(deployment.url)
    deadline = time.monotonic() + settle_seconds
    while not _is_clean(api, deployment) and time.monotonic() < deadline:
        time.sleep(0.2)
    final = LoggingClient(FINAL, deployment.url, history, PATIENCE)
    for image in [image["id"] for image in api.images() if image["status"] != "active"]:
        while final.upload(image, b"at last", b"at last").status == 409 and time.monotonic() < deadline:
            time.sleep(0.2)
    listed = {image["id"]: view(image) for image in api.images()}
    for image in history.by_image():
        if final.show(image).seen.get("status") == "active":
            final.download(image)
    return checker.Remains(listed, _files(deployment.images), _files(deployment.staging))


def _is_clean(api: ImageClient, deployment: Deployment) -> bool:
    images = list(api.images())
    named = {Path(location["url"]).name for image in images for location in image["locations"]}
    return (
        all(image["status"] in {"queued", "active"} for image in images)
        and _files(deployment.images) == named
        and not _files(deployment.staging)
    )


def _files(directory: Path) -> frozenset[str]:
    return frozenset(path.name for path in directory.iterdir() if path.is_file()) if directory.exists() else frozenset()
