"""This service's defaults for options of oslo.middleware."""

from oslo_config import cfg


def set_defaults() -> None:
    """Change the defaults that oslo.middleware's own options are declared with."""
    # Imported only where middleware is used or documented: glance-registry needs none of what this brings.
    from oslo_middleware import cors
    from oslo_middleware.healthcheck import opts as healthcheck

    cors.set_defaults(
        allow_headers=[
            "Content-MD5",
            "X-Image-Meta-Checksum",
            "X-Storage-Token",
            "Accept-Encoding",
            "X-Auth-Token",
            "X-Identity-Status",
            "X-Roles",
            "X-Service-Catalog",
            "X-User-Id",
            "X-Tenant-Id",
            "X-OpenStack-Request-ID",
        ],
        expose_headers=[
            "X-Image-Meta-Checksum",
            "X-Auth-Token",
            "X-Subject-Token",
            "X-Service-Token",
            "X-OpenStack-Request-ID",
        ],
        allow_methods=["GET", "PUT", "POST", "DELETE", "PATCH"],
    )
    cfg.set_defaults(healthcheck.HEALTHCHECK_OPTS, backends=["disable_by_file", "registry"])
    cfg.set_defaults(healthcheck.DISABLE_BY_FILE_OPTS, disable_by_file_path="/etc/glance/healthcheck_disable")
