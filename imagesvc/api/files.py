"""Where files are that stand beside the configuration: the operator's own, or else the ones that came with the service."""

import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

from oslo_config import cfg

import imagesvc


def find(conf: cfg.ConfigOpts, names: Iterable[str], packaged: str) -> Path | None:
    """The first of ``names`` beside a configuration file, else the file ``packaged`` that came with the service."""
    places = [directory / name for directory in _configuration_directories(conf) for name in names]
    places += [directory / packaged for directory in _packaged_directories()]
    return next((place for place in places if place.is_file()), None)


def find_directory(conf: cfg.ConfigOpts, name: str) -> Path | None:
    """The directory ``name`` beside a configuration file, else the one that came with the service."""
    places = [directory / name for directory in (*_configuration_directories(conf), *_packaged_directories())]
    return next((place for place in places if place.is_dir()), None)


def _configuration_directories(conf: cfg.ConfigOpts) -> Iterator[Path]:
    for name in reversed(conf.config_file or []):
        yield Path(name).absolute().parent
    for name in reversed(conf.config_dir or []):
        yield Path(name).absolute()


def _packaged_directories() -> Iterator[Path]:
    # A source tree, then what a wheel installs as data files.
    yield Path(imagesvc.__file__).parent.parent / "etc"
    yield Path(sysconfig.get_path("data")) / "etc" / "glance"
