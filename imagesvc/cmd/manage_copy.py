"""The command of glance-manage that moves the catalogue to another database."""

from oslo_config import cfg

from imagesvc import conf as options
from imagesvc import exception
from imagesvc.cmd.commands import Command, Word, say
from imagesvc.registry.db import copying, exclusive


def _copy(conf: cfg.ConfigOpts) -> int:
    if not conf.command.source:
        raise exception.ConfigurationError(reason="name the database to copy from: --from URL")
    prefix = _prefix(conf.command.relocate)
    with exclusive.reading(_conf_of(conf.command.source)) as source, exclusive.exclusive(conf) as target:
        if source is None:
            raise exception.ConfigurationError(
                reason="there is no database to copy from at the address given with --from"
            )
        copying.copy(source, target, say, prefix=prefix)
    return 0


def _conf_of(url: str) -> cfg.ConfigOpts:
    """The defaults, with another database."""
    conf = cfg.ConfigOpts()
    options.register_opts(conf)
    conf([], project="glance", default_config_files=[], default_config_dirs=[])
    conf.set_override("connection", url, group="database")
    return conf


def _prefix(text: str | None) -> tuple[str, str]:
    if text is None:
        return "", ""
    old, separator, new = text.partition("=")
    if not (old and separator and new):
        raise exception.ConfigurationError(reason="--relocate takes OLD=NEW, two beginnings of locations")
    return old, new


COMMANDS = (
    Command(
        "copy",
        _copy,
        "Copy the catalogue of another database into the configured one, which must be synced and empty. Stop the service first.",
        (
            Word("source", "SQLAlchemy URL of the database to copy from.", "URL", flag="from"),
            Word(
                "relocate",
                "Let locations that begin with OLD begin with NEW, for example file:///root/var/=file:///var/lib/glance/.",
                "OLD=NEW",
                has_place=False,
            ),
        ),
    ),
)
