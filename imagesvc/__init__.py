"""An OpenStack Image service: glance-api and glance-registry."""

__version__ = "0.1.0"
