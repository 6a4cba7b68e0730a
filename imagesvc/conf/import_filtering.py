"""What URLs users may have this service fetch from; see :mod:`imagesvc.data.url_gate`."""

from typing import Any

from oslo_config import cfg, types


class _List(types.List):
    """A list with or without brackets around it: Glance wants them here, and nowhere else."""

    def __call__(self, value: Any) -> list[Any]:
        if isinstance(value, str) and value.startswith("[") and value.endswith("]"):
            value = value[1:-1]
        items: list[Any] = super().__call__(value)
        return items


_TEXTS = _List()
_PORTS = _List(types.Integer(min=1, max=65535))

IMPORT_FILTERING = [
    cfg.Opt(
        "allowed_schemes",
        _TEXTS,
        default=["http", "https"],
        help="URL schemes users may name. Only http and https can be fetched from at all. When set to nothing, disallowed_schemes decides.",
    ),
    cfg.Opt(
        "disallowed_schemes",
        _TEXTS,
        default=[],
        help="URL schemes users may not name. Has no effect unless allowed_schemes is set to nothing.",
    ),
    cfg.Opt(
        "allowed_hosts",
        _TEXTS,
        default=[],
        help="Host names and addresses users may name, as they stand in URLs. When set, others are refused. A host listed here may have any address, also one of this host itself or of a private network.",
    ),
    cfg.Opt(
        "disallowed_hosts",
        _TEXTS,
        default=[],
        help="Host names users may not name, and addresses they may not name nor reach by a name. Has no effect when allowed_hosts is set.",
    ),
    cfg.Opt(
        "allowed_ports",
        _PORTS,
        default=[80, 443],
        help="Ports users may name; a URL without one has its scheme's port. When set to nothing, disallowed_ports decides.",
    ),
    cfg.Opt(
        "disallowed_ports",
        _PORTS,
        default=[],
        help="Ports users may not name. Has no effect unless allowed_ports is set to nothing.",
    ),
    cfg.BoolOpt(
        "allow_private_networks",
        default=False,
        help="Fetch from addresses of private networks too, such as 10.0.0.0/8, 100.64.0.0/10 or fc00::/7. Addresses of this host, of its links and of a cloud's metadata services stay closed; allowed_hosts opens them one by one.",
    ),
]

GROUPS = {"import_filtering_opts": IMPORT_FILTERING}
