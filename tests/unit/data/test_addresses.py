import ipaddress

import pytest

from imagesvc.data import addresses


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("93.184.216.34", "public"),
        ("2606:2800:220:1::1", "public"),
        ("64:ff9b::5db8:d822", "public"),
        ("2002:5db8:d822::1", "public"),
        ("10.0.0.5", "private"),
        ("172.31.255.255", "private"),
        ("192.168.1.1", "private"),
        ("100.64.0.1", "private"),
        ("198.18.0.1", "private"),
        ("fd12:3456::1", "private"),
        ("fec0::1", "private"),
        ("::ffff:10.0.0.5", "private"),
        ("2002:a00:5::1", "private"),
        ("127.8.8.8", "closed"),
        ("0.0.0.0", "closed"),
        ("0.1.2.3", "closed"),
        ("169.254.169.254", "closed"),
        ("224.0.0.1", "closed"),
        ("240.0.0.1", "closed"),
        ("255.255.255.255", "closed"),
        ("100.100.100.200", "closed"),
        ("192.0.0.192", "closed"),
        ("168.63.129.16", "closed"),
        ("::", "closed"),
        ("::1", "closed"),
        ("::7f00:1", "closed"),
        ("::ffff:127.0.0.1", "closed"),
        ("64:ff9b::7f00:1", "closed"),
        ("64:ff9b:1::7f00:1", "closed"),
        ("2002:7f00:1::", "closed"),
        ("2001:0:7f00:1::80ff:fffe", "closed"),
        ("fe80::1", "closed"),
        ("ff02::1", "closed"),
        ("fd00:ec2::254", "closed"),
        ("fd20:ce::254", "closed"),
    ],
)
def test_who_may_be_sent_there(text, expected):
    assert addresses.reach(ipaddress.ip_address(text)) == expected


def test_a_host_knows_its_own_addresses():
    assert addresses.is_own(ipaddress.ip_address("127.0.0.1"))
    assert addresses.is_own(ipaddress.ip_address("::1"))
    assert not addresses.is_own(ipaddress.ip_address("192.0.2.1"))
