"""What oslo-config-generator is told before it writes the samples: the defaults that the daemons give libraries' options."""

from imagesvc import conf
from imagesvc.rpc import rabbit


def set_defaults() -> None:
    """Give all libraries' options this service's defaults, those of the bus included."""
    conf.set_defaults()
    rabbit.set_defaults()
