"""Only the public internet is public, whichever way an address is written."""

from ipaddress import ip_address

import pytest

from service.core.addresses import is_public

PUBLIC = (
    "1.1.1.1",
    "8.8.8.8",
    "93.184.215.14",
    "172.15.255.255",
    "172.32.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "223.255.255.254",
    "2606:4700:4700::1111",
    "2a00:1450:4001:831::200e",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
)
INNER = {
    "this host": ("0.0.0.0", "0.1.2.3", "::"),
    "loopback": ("127.0.0.1", "127.255.255.254", "::1"),
    "metadata within": ("fd00:ec2::254",),
    "private": ("10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fd00::1", "fc00::1"),
    "site local": ("fec0::1",),
    "link local": ("169.254.169.254", "169.254.0.1", "fe80::1", "fe80::1%eth0"),
    "metadata": ("169.254.170.2", "100.100.100.200", "192.0.0.192", "168.63.129.16"),
    "carriers": ("100.64.0.1", "100.127.255.255"),
    "multicast": ("224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1"),
    "reserved": ("240.0.0.1", "255.255.255.255", "192.0.0.8", "192.88.99.1", "4000::1", "1::1"),
    "documentation": ("192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1"),
    "benchmarks": ("198.18.0.1", "198.19.255.255", "2001:2::1"),
    "mapped": ("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254"),
    "translated by mistake": ("::ffff:0:127.0.0.1",),
    "compatible": ("::127.0.0.1", "::10.0.0.1", "::8.8.8.8"),
    "translated": ("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::808:808"),
    "6to4": ("2002:7f00:1::", "2002:a00:1::", "2002:808:808::"),
    "teredo": ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001::1"),
    "discard": ("100::1",),
}  # fmt: skip


@pytest.mark.parametrize("text", PUBLIC)
def test_a_public_address(text: str) -> None:
    assert is_public(ip_address(text))


@pytest.mark.parametrize(
    ("kind", "text"), [(kind, text) for kind, texts in INNER.items() for text in texts]
)
def test_no_other_address_is_public(kind: str, text: str) -> None:
    assert not is_public(ip_address(text)), kind
