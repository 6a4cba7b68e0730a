"""One worker's working parts, put together once and handed to everything else."""

import contextvars
import dataclasses
import os
import secrets
import socket

from oslo_config import cfg

from imagesvc import concurrency, policies
from imagesvc.data.download import Downloader
from imagesvc.data.location_jobs import LocationRunner
from imagesvc.data.locations import Examiner
from imagesvc.data.upload import Uploader
from imagesvc.data.url_gate import Gate
from imagesvc.rpc import transport
from imagesvc.rpc.rpcapi import RegistryAPI
from imagesvc.store.manager import StoreManager


@dataclasses.dataclass(frozen=True, slots=True)
class Runtime:
    """What the applications of one worker process share.

    :param host: name of this host in upload leases.
    :param worker: name of this process in upload leases, unique for ever.
    """

    conf: cfg.ConfigOpts
    registry: RegistryAPI
    stores: StoreManager
    uploads: Uploader
    downloads: Downloader
    locations: Examiner
    location_jobs: LocationRunner
    offload: concurrency.Offload
    host: str
    worker: str
    policy: policies.Enforcer


#: The runtime for which paste's factories are building; set while :mod:`imagesvc.api.deploy` loads.
CURRENT: contextvars.ContextVar[Runtime] = contextvars.ContextVar("imagesvc_runtime")


def host_name(conf: cfg.ConfigOpts) -> str:
    """This host, as leases and logs name it."""
    return conf.host or socket.gethostname()


def worker_name(conf: cfg.ConfigOpts) -> str:
    """A name for one worker process that no other process ever had."""
    return f"{host_name(conf)}:{os.getpid()}:{secrets.token_hex(8)}"


def build_runtime(
    conf: cfg.ConfigOpts, offload: concurrency.Offload = concurrency.DIRECT, worker: str | None = None
) -> Runtime:
    """Make the parts of a worker; after the fork, because connections do not survive one.

    :param worker: from :func:`worker_name` when the parent must know it; by default made here.
    :raises ConfigurationError: the configuration cannot work.
    """
    transport.check_account(conf)
    registry = RegistryAPI(transport.get_caller(conf))
    gate = Gate.from_conf(conf)
    stores = StoreManager(conf, offload, gate.open)
    host, worker = host_name(conf), worker or worker_name(conf)
    return Runtime(
        conf=conf,
        registry=registry,
        stores=stores,
        uploads=Uploader(conf=conf, registry=registry, stores=stores, host=host, worker=worker, offload=offload),
        downloads=Downloader(registry, stores),
        locations=Examiner(stores, conf, gate.check),
        location_jobs=LocationRunner(registry, stores, conf, worker, offload),
        offload=offload,
        host=host,
        worker=worker,
        policy=policies.Enforcer(conf),
    )
