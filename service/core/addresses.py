"""Which addresses a stranger's URL may lead to: those of the public internet, and no others.

    address -> unwrap IPv4 inside IPv6 -> not in any range of special use -> public

After the IANA registries of special-purpose addresses; written out where Python's `is_global` has
changed between patch releases.
"""

from ipaddress import IPv4Address, IPv6Address, ip_network

Address = IPv4Address | IPv6Address

_NAT64 = ip_network("64:ff9b::/96")
_GLOBAL_UNICAST = ip_network("2000::/3")
_SPECIAL = [
    ip_network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "100.64.0.0/10",  # shared by carriers; Alibaba's metadata is among them
        "168.63.129.16/32",  # Azure's agent, which answers from within
        "192.0.0.0/24",  # protocols; Oracle's metadata is among them
        "192.88.99.0/24",  # relays from 6to4
        "198.18.0.0/15",  # benchmarks
        "2001::/23",  # protocols, Teredo among them
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: an IPv4 address inside
        "3fff::/20",  # documentation
    )
]


def is_public(address: Address) -> bool:
    """Whether this is a unicast address of the public internet, whichever way it is written."""
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return False
        inner = _inner(address)
        if inner is not None:
            return is_public(inner)
        if address not in _GLOBAL_UNICAST:
            return False
    special = any(address.version == n.version and address in n for n in _SPECIAL)
    return address.is_global and not address.is_multicast and not special


def _inner(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that packets to this one reach, mapped or translated."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else None
