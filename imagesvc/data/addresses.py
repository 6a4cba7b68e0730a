"""Which addresses are somebody's on the public network, and which must not be reached for a user."""

import ipaddress
import socket
from typing import Literal

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

#: Anybody may be sent there; only where private networks are open; not unless the operator names the host.
Reach = Literal["public", "private", "closed"]

_THIS_NETWORK = ipaddress.IPv4Network("0.0.0.0/8")
#: The last four bytes of these are the address that is meant: IPv4-compatible ones, and NAT64 (RFC 6052).
_EMBEDDING = tuple(ipaddress.IPv6Network(text) for text in ("::/96", "64:ff9b::/96"))
#: Where clouds tell their guests secrets, in address space that is otherwise private, or even public.
_METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in ("fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "192.0.0.192", "168.63.129.16")
)


def unwrap(address: Address) -> Address:
    """The address that packets to ``address`` end at, as far as it shows: IPv4 inside of IPv6 is IPv4."""
    if isinstance(address, ipaddress.IPv6Address):
        # Beside the unspecified and the loopback address, which are IPv6's own.
        if any(address in network for network in _EMBEDDING) and int(address) > 1:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        return address.ipv4_mapped or address.sixtofour or address
    return address


def reach(address: Address) -> Reach:
    """Who may be sent to ``address``."""
    address = unwrap(address)
    if _is_closed(address):
        return "closed"
    return "public" if address.is_global and not getattr(address, "is_site_local", False) else "private"


def _is_closed(address: Address) -> bool:
    return (
        address.is_loopback
        or address.is_unspecified
        or address.is_link_local
        or address.is_multicast
        or address.is_reserved
        or address in _METADATA
        or (isinstance(address, ipaddress.IPv4Address) and address in _THIS_NETWORK)
        or (isinstance(address, ipaddress.IPv6Address) and address.teredo is not None)
        or is_own(address)
    )


def is_own(address: Address) -> bool:
    """Whether this host itself has ``address``: to its own addresses a host goes from the same address.

    Connecting a datagram socket sends nothing.
    """
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((str(address), 9))
            return ipaddress.ip_address(probe.getsockname()[0]) == address
    except OSError:
        # No way leads there: it is nobody's, as seen from here.
        return False
