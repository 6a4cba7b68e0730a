import logging

from oslo_config import cfg
from oslo_log import log

from imagesvc import conf as options


def test_replies_that_nobody_waits_for_are_not_logged(monkeypatch):
    """While a registry is cut off from its database there are hundreds of them a minute; that it connects again is said."""
    drivers = [logging.getLogger(f"oslo_messaging._drivers.{name}") for name in ("amqpdriver", "impl_rabbit")]
    for driver in drivers:
        monkeypatch.setattr(driver, "level", logging.NOTSET)
    handlers, level = logging.root.handlers[:], logging.root.level
    conf = cfg.ConfigOpts()
    options.parse_args(conf, [], "glance-api")
    try:
        log.setup(conf, "glance-api")
        assert [driver.isEnabledFor(logging.INFO) for driver in drivers] == [False, True]
    finally:
        logging.root.handlers[:] = handlers
        logging.root.setLevel(level)
