"""Options of other releases that are accepted and have no effect, so that existing files keep working.

They are declared to be documented and to be named at start (:func:`warn_ignored`): an operator learns from the log, not
from a surprise, that a line does nothing.  All are text of any form: a value without effect cannot be wrong.
"""

from collections.abc import Mapping

from oslo_config import cfg
from oslo_log import log

LOG = log.getLogger(__name__)

_BUS = "glance-api finds glance-registry by transport_url."
_IDENTITY = "What glance-registry needs to know about the caller travels in the message itself."
_UNSIGNED = "Tokens are no longer signed certificates."
_ONE_SERVER = "Everything is read and written through connection."
_OWN_TRIES = "glance-registry connects anew, and tries again what a lost connection has interrupted, within what callers wait for."
_NO_EFFECT: Mapping[str, Mapping[str, str]] = {
    "DEFAULT": {
        "registry_host": _BUS,
        "registry_port": _BUS,
        "registry_client_protocol": _BUS,
        "registry_client_key_file": _BUS,
        "registry_client_cert_file": _BUS,
        "registry_client_ca_file": _BUS,
        "registry_client_insecure": _BUS,
        "registry_client_timeout": "See metadata_deadline and commit_deadline in [rpc].",
        "use_user_token": _IDENTITY,
        "send_identity_headers": _IDENTITY,
        "admin_user": _IDENTITY,
        "admin_password": _IDENTITY,
        "admin_tenant_name": _IDENTITY,
        "auth_url": _IDENTITY,
        "auth_strategy": "Identity is chosen by [paste_deploy] flavor.",
        "auth_region": _IDENTITY,
        "data_api": "glance-registry alone opens the database.",
        "enable_v1_registry": "glance-registry answers one versioned RPC API.",
        "enable_v2_registry": "glance-registry answers one versioned RPC API.",
        "enable_v2_api": "The v2 API is always served.",
        "owner_is_tenant": "Images belong to projects.",
        "admin_role": "Administrators are those who satisfy the policy rule context_is_admin.",
        "allow_additional_image_properties": "Custom properties are allowed within image_property_quota.",
        "secure_proxy_ssl_header": "See enable_proxy_headers_parsing in [oslo_middleware].",
        "location_strategy": "Locations are used in their order.",
        "digest_algorithm": "A signature's own properties name its algorithm.",
        "verbose": "Messages of level INFO are always logged; see debug.",
    },
    "database": {
        "slave_connection": _ONE_SERVER,
        "backend": "The database is always SQLAlchemy's.",
        "use_db_reconnect": _OWN_TRIES,
        "db_max_retries": _OWN_TRIES,
        "db_retry_interval": _OWN_TRIES,
        "db_inc_retry_interval": _OWN_TRIES,
        "db_max_retry_interval": _OWN_TRIES,
    },
    "keystone_authtoken": {
        "signing_dir": _UNSIGNED,
        "hash_algorithms": _UNSIGNED,
        "revocation_cache_time": "See token_cache_time and token_memory_time.",
        "check_revocations_for_cached": "See token_cache_time and token_memory_time.",
    },
    "store_type_location_strategy": {"store_type_preference": "Locations are used in their order."},
    "wsgi": {
        "task_pool_threads": "The WSGI server brings its threads.",
        "python_interpreter": "No further interpreters are started.",
    },
}

#: Options of features that this release does not have.
_NOT_YET: Mapping[str, tuple[str, ...]] = {
    "DEFAULT": (
        "enable_v1_api",
        "enable_image_import",
        "worker_self_reference_url",
        "node_staging_uri",
        "delayed_delete",
        "scrub_time",
        "scrub_pool_size",
        "wakeup_time",
        "image_cache_dir",
        "image_cache_driver",
        "image_cache_max_size",
        "image_cache_stall_time",
        "image_cache_sqlite_db",
        "default_publisher_id",
        "disabled_notifications",
    ),
    "task": ("task_executor", "work_dir"),
    "taskflow_executor": ("engine_mode", "max_workers", "conversion_format"),
    "image_import_opts": ("image_import_plugins", "max_parallel_stores"),
    "image_conversion": ("output_format",),
    "inject_metadata_properties": ("ignore_user_roles", "inject"),
    "glance_download_properties": ("extra_properties",),
    "key_manager": ("backend",),
    "barbican": ("auth_endpoint", "barbican_endpoint"),
}

_SECRET = {"admin_password", "slave_connection"}


def _option(name: str, help_text: str) -> cfg.StrOpt:
    return cfg.StrOpt(name, secret=name in _SECRET, help=help_text)


def _groups() -> dict[str, list[cfg.Opt]]:
    groups: dict[str, list[cfg.Opt]] = {}
    for group, options in _NO_EFFECT.items():
        groups.setdefault(group, []).extend(_option(name, f"Has no effect. {why}") for name, why in options.items())
    for group, names in _NOT_YET.items():
        text = "Has no effect: the feature is not part of this release."
        groups.setdefault(group, []).extend(_option(name, text) for name in names)
    return groups


GROUPS = _groups()


def warn_ignored(conf: cfg.ConfigOpts) -> None:
    """Log, in one line, the options of this module that the configuration sets."""
    ignored = [
        f"[{group}] {option.name}"
        for group, options in GROUPS.items()
        for option in options
        if _is_set(conf, group, option.name)
    ]
    if ignored:
        LOG.warning("These options are set and have no effect: %s", ", ".join(ignored))


def _is_set(conf: cfg.ConfigOpts, group: str, name: str) -> bool:
    location = conf.get_location(name, None if group == "DEFAULT" else group)
    return location is not None and location.location.is_user_controlled
