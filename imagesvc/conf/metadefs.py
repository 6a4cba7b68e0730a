"""Options of metadata definitions."""

from oslo_config import cfg

DEFAULT = [
    cfg.StrOpt(
        "metadata_source_path",
        help="Directory of the catalogue of metadata definitions that glance-manage db_load_metadefs loads and "
        "db_export_metadefs writes. Unset means to load from the directory metadefs beside the configuration file, or else the "
        "one that came with the service, and to write nowhere.",
    ),
]

GROUPS = {"DEFAULT": DEFAULT}
