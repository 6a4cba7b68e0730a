"""glance-api: the Images API over HTTP."""

# ruff: noqa: E402 - eventlet must patch before anything else is imported
import warnings

warnings.filterwarnings("ignore", message="\\s*Eventlet is deprecated")

import eventlet

eventlet.monkey_patch()

import sys

from oslo_config import cfg

# Loaded by the paste file in each worker; loaded here already, workers start faster and share the memory.
import imagesvc.api.filters
import imagesvc.api.healthcheck
import imagesvc.api.v2.application  # noqa: F401
from imagesvc import conf as config
from imagesvc import exception, secrecy
from imagesvc.api import deploy, runtime, server
from imagesvc.conf import compat
from imagesvc.data import janitor


def main() -> int:
    """Entry point of the console script; the exit status."""
    secrecy.restrict_new_files()
    try:
        _read_configuration(cfg.CONF)
        _set_up_logging()
        compat.warn_ignored(cfg.CONF)
        return server.serve(
            cfg.CONF,
            runtime.build_runtime,
            deploy.load_application,
            prepare=_set_up_logging,
            check=lambda: _read_configuration(cfg.ConfigOpts()),
            background=_start_background,
        )
    except exception.ConfigurationError as error:
        print(f"glance-api: {error.msg}", file=sys.stderr)
    except cfg.Error as error:
        print(f"glance-api: {error}", file=sys.stderr)
    return 1


def _read_configuration(conf: cfg.ConfigOpts) -> None:
    config.parse_args(conf, sys.argv[1:], prog="glance-api")
    config.check(conf)


def _set_up_logging() -> None:
    # Its locks are pipes, for green and native threads alike; a process must not share them with its parent.
    secrecy.set_up_logging(cfg.CONF, "glance")


def _start_background(parts: runtime.Runtime) -> None:
    """What one worker does for its host: its janitor claims stores and staging files that all workers share, and it takes over
    what dead ones have left.
    """
    janitor.Janitor(parts.registry, parts.stores, parts.conf, parts.host).start()
    parts.location_jobs.start()


if __name__ == "__main__":
    sys.exit(main())
