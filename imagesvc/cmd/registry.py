"""glance-registry: answers glance-api's questions about images, and alone opens the database."""

# ruff: noqa: E402 - the backend must be chosen before oslo.messaging is imported
import warnings

# Libraries of ours import it if it is installed; nothing here uses it.
warnings.filterwarnings("ignore", message="\\s*Eventlet is deprecated")

from oslo_service import backend

backend.init_backend(backend.BackendType.THREADING)

import sys

from oslo_config import cfg

from imagesvc import conf as config
from imagesvc import exception, secrecy
from imagesvc.conf import compat
from imagesvc.registry import service


def main() -> int:
    """Entry point of the console script; the exit status."""
    secrecy.restrict_new_files()
    config.parse_args(cfg.CONF, sys.argv[1:], prog="glance-registry")
    secrecy.set_up_logging(cfg.CONF, "glance")
    compat.warn_ignored(cfg.CONF)
    try:
        return service.launch(cfg.CONF)
    except exception.ConfigurationError as error:
        print(f"glance-registry: {error.msg}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
