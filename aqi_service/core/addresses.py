"""Which hosts are internal: known by their address, or by a name that no public host has.

One rule: a host that is not known to be public counts as internal.
"""

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_GLOBAL_UNICAST = IPv6Network("2000::/3")
"""All that IANA has given out (IPv6 address space registry)."""

_WITH_IPV4 = (
    (IPv6Network("::ffff:0:0/96"), 0),  # mapped: RFC 4291, 2.5.5.2
    (IPv6Network("::ffff:0:0:0/96"), 0),  # translated: RFC 2765, 2.1
    (IPv6Network("::/96"), 0),  # compatible: RFC 4291, 2.5.5.1
    (IPv6Network("64:ff9b::/96"), 0),  # NAT64, which DNS64 gives for public hosts too: RFC 6052, 2.1
    (IPv6Network("2002::/16"), 80),  # 6to4: RFC 3056, 2
)
"""Prefixes of addresses that contain an IPv4 address, and how many bits follow that address."""

_NOT_PUBLIC = (
    IPv4Network("192.0.0.0/24"),  # RFC 6890; Oracle's cloud has its metadata at 192.0.0.192
    IPv4Network("192.88.99.0/24"),  # relays of 6to4, given up: RFC 7526
    IPv4Network("168.63.129.16"),  # Azure's WireServer, on every machine there
)
"""Internal networks that Python, or IANA, calls public."""

_DOCUMENTATION = IPv6Network("3fff::/20")
"""RFC 9637; Pythons of before 2024 take it for public."""

_ISATAP = frozenset({0x00005EFE, 0x02005EFE})
"""The 32 bits that come before an IPv4 address at the end of any prefix (RFC 5214, 6.1)."""

_OWN_DOMAINS = frozenset(
    {"localhost", "localdomain", "local", "internal", "intranet", "private", "corp", "home", "lan", "arpa"}
)
"""Last labels that no public host has. Sources: RFC 6761, 6762, 8375; ICANN of 2024 (internal), of 2018."""


_NAME = re.compile(r"[a-z0-9_.-]+")
"""The characters of a public host's name; a program that accepts others may read `%2e` as a full stop."""


def is_internal(host: str) -> bool:
    """Tell whether an address is not public, or a name is one that only a private network can know.

    Names that the system reads as an address (`127.1`, `2130706433`, `0x7f.1`) are internal.
    """
    try:
        return not _is_public(ip_address(host))
    except ValueError:
        labels = host.lower().rstrip(".").split(".")
    last = labels[-1]
    return (
        len(labels) == 1
        or not _NAME.fullmatch(".".join(labels))
        or last in _OWN_DOMAINS
        or last.isdigit()
        or last.startswith("0x")
    )


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv4Address) and any(address in network for network in _NOT_PUBLIC):
        return False
    if address.is_multicast or isinstance(address, IPv4Address):
        return address.is_global and not address.is_multicast
    if address in _DOCUMENTATION:
        return False
    number = int(address)
    for prefix, behind in _WITH_IPV4:
        if number >> (128 - prefix.prefixlen) == int(prefix.network_address) >> (128 - prefix.prefixlen):
            return _is_public(IPv4Address(number >> behind & 0xFFFFFFFF))
    if number >> 32 & 0xFFFFFFFF in _ISATAP and not _is_public(IPv4Address(number & 0xFFFFFFFF)):
        return False
    return address.is_global and number >> 125 == int(_GLOBAL_UNICAST.network_address) >> 125
