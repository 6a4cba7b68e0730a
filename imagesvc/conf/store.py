"""Options of stores: which there are, the file driver's, and those of the janitor that cleans up behind them.

The options of glance_store's other drivers are theirs; :func:`imagesvc.store.manager.list_store_opts` lists them.
"""

from oslo_config import cfg

DEFAULT = [
    cfg.DictOpt(
        "enabled_backends",
        help="Stores by id and type, for example fast:rbd,cheap:file. Their options stand in the sections named by the ids, the default in [glance_store] default_backend. Unset means the single-store form: [glance_store] stores and default_store.",
    ),
    cfg.IntOpt("janitor_interval", default=5, min=1, help="Seconds between two looks for data to remove."),
    cfg.IntOpt(
        "store_audit_interval",
        default=600,
        min=1,
        help="Seconds between two looks for files in file stores that no image knows.",
    ),
    cfg.IntOpt(
        "store_audit_min_age",
        default=3600,
        min=0,
        help="Seconds a file must have been unchanged before the audit may set it aside.",
    ),
]

#: [glance_store] of the single-store form; registered by the store manager when enabled_backends is unset.
SINGLE = [
    cfg.ListOpt("stores", default=["file", "http"], help="Types of the stores in use when enabled_backends is unset."),
    cfg.StrOpt(
        "default_store",
        default="file",
        help="URL scheme of the store that new data goes to when enabled_backends is unset, for example file, rbd or swift.",
    ),
]

#: [glance_store] of the multi-store form; registered by the store manager when enabled_backends is set.
MULTI = [
    cfg.StrOpt("default_backend", help="Id of the store in enabled_backends that new data goes to by default."),
]

#: The file driver's, in [glance_store], in a store's own section, or in [backend_defaults].
FILE = [
    cfg.StrOpt(
        "filesystem_store_datadir",
        help="Directory for images. Unset, with filesystem_store_datadirs unset too, means <state_path>/images. Created with mode 0750 when it is missing.",
    ),
    cfg.MultiStrOpt(
        "filesystem_store_datadirs",
        help="Directories for images, each path[:priority]. The one with the highest priority that has room is used, the one with most free space among equals. Not together with filesystem_store_datadir.",
    ),
    cfg.StrOpt(
        "filesystem_store_metadata_file",
        help="JSON file with an object, or a list of objects, that have the keys id and mountpoint; the one whose mountpoint holds a new image's file becomes metadata of its location.",
    ),
    cfg.IntOpt(
        "filesystem_store_file_perm",
        default=0,
        help="Mode of image files, its octal digits written as a decimal number, for example 644. 0 means 640. Other classes that may read get search permission on the directory as well.",
    ),
    cfg.IntOpt(
        "filesystem_store_chunk_size",
        default=65536,
        min=1,
        help="Bytes per read of an image file that is not sent by the kernel itself; values below 1 MiB count as 1 MiB.",
    ),
    cfg.BoolOpt(
        "filesystem_thin_provisioning",
        default=False,
        help="Leave holes in image files where the data is zero, and reserve no space before writing.",
    ),
]

#: The http driver's, in the same places.
HTTP = [
    cfg.StrOpt(
        "https_ca_certificates_file",
        help="File with the authorities that servers of https locations must have their certificates from. Unset means those the system trusts.",
    ),
    cfg.BoolOpt(
        "https_insecure",
        default=False,
        help="Accept any certificate from servers of https locations. Has no effect when https_ca_certificates_file is set.",
    ),
    cfg.DictOpt(
        "http_proxy_information",
        default={},
        help="Proxies for http locations by scheme, for example http:http://10.0.0.1:3128. A proxy resolves names itself: it must keep the networks closed that locations must not lead to.",
    ),
]

GROUPS = {"DEFAULT": DEFAULT}
