"""Every option of both daemons, one file per group; importable from everywhere.

Each file declares ``GROUPS``, a mapping of group name to options.  Entry points call :func:`parse_args` once and pass the
configuration down; nothing reads it at import time.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from oslo_config import cfg
from oslo_log import log

from imagesvc import __version__, exception
from imagesvc.conf import (
    api,
    auth_basic,
    compat,
    database,
    image_format,
    import_filtering,
    keystone,
    limits,
    metadefs,
    middleware,
    paste,
    property_protections,
    registry,
    rpc,
    server,
    store,
    tasks,
)

_MODULES = (
    server,
    api,
    limits,
    property_protections,
    image_format,
    import_filtering,
    store,
    paste,
    keystone,
    auth_basic,
    rpc,
    registry,
    database,
    metadefs,
    tasks,
    compat,
)
#: What of them glance-registry reads, and which options of the process apply to it.
_REGISTRY_MODULES = (limits, property_protections, registry, rpc, database, metadefs, tasks)
_REGISTRY_PROCESS = {"state_path", "host", "graceful_shutdown_timeout"}

#: Files each program reads, later ones winning: operators' guides configure only glance-api.conf, others both.
_CONFIG_FILES = {
    "glance-api": ("glance-api.conf",),
    "glance-registry": ("glance-api.conf", "glance-registry.conf"),
    "glance-manage": ("glance-api.conf", "glance-registry.conf"),
}


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Declare all options of this package on ``conf``; may be called again."""
    for module in _MODULES:
        for group, options in module.GROUPS.items():
            conf.register_opts(options, group=None if group == "DEFAULT" else group)


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """All options by group, for oslo-config-generator."""
    return _merge([*(module.GROUPS for module in _MODULES), limits.account_options()])


def list_registry_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """The options that glance-registry reads, for its own sample."""
    process = {"DEFAULT": [option for option in server.DEFAULT if option.dest in _REGISTRY_PROCESS]}
    return _merge([process, *(module.GROUPS for module in _REGISTRY_MODULES), limits.account_options()])


def _merge(sources: Iterable[Mapping[str, Sequence[cfg.Opt]]]) -> list[tuple[str, list[cfg.Opt]]]:
    merged: dict[str, list[cfg.Opt]] = {}
    for groups in sources:
        for group, options in groups.items():
            merged.setdefault(group, []).extend(options)
    return list(merged.items())


def set_defaults() -> None:
    """Give all libraries' options this service's defaults; the entry point of oslo-config-generator."""
    _set_log_defaults()
    middleware.set_defaults()
    keystone.set_defaults()


def _set_log_defaults() -> None:
    # A registry gives signs of life until its call ends; those that come after the caller left are not worth a line each.
    ours = ["oslo_messaging=INFO", "oslo_messaging._drivers.amqpdriver=WARNING", "glance_store=INFO"]
    # Clients of stores log requests with their credentials at DEBUG.
    clients = ["swiftclient=WARN", "boto3=WARN", "botocore=WARN", "s3transfer=WARN", "os_brick=INFO"]
    log.set_defaults(default_log_levels=[*log.get_default_log_levels(), *ours, *clients])


def parse_args(conf: cfg.ConfigOpts, argv: Sequence[str], prog: str, **kwargs: Any) -> None:
    """Read the command line and the program's files into ``conf`` and set up nothing else.

    :param prog: glance-api, glance-registry or glance-manage; says which files are looked for in ``~/.glance``, ``~``,
        ``/etc/glance`` and ``/etc`` when ``--config-file`` is not given.
    """
    log.register_options(conf)
    _set_log_defaults()
    register_opts(conf)
    files = [path for name in _CONFIG_FILES[prog] for path in cfg.find_config_files("glance", Path(name).stem)]
    conf(list(argv), project="glance", prog=prog, version=__version__, default_config_files=files or None, **kwargs)


def check(conf: cfg.ConfigOpts) -> None:
    """Read every option of this package once.

    :raises imagesvc.exception.ConfigurationError: a value cannot be understood; without this it would come up in the
        middle of work.
    """
    try:
        for module in _MODULES:
            for group, options in module.GROUPS.items():
                values = conf if group == "DEFAULT" else conf[group]
                _ = [getattr(values, option.dest) for option in options]
    except (cfg.Error, ValueError) as error:
        raise exception.ConfigurationError(reason=str(error)) from error
