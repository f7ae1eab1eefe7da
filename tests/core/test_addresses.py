"""Which hosts are internal: addresses, IPv4 inside IPv6, and names."""

import pytest

from aqi_service.core.addresses import is_internal

INTERNAL_IPV4 = (
    "127.0.0.1",
    "10.0.0.1",
    "192.168.1.1",
    "172.16.0.1",
    "169.254.169.254",
    "100.64.0.1",
    "192.0.0.192",  # metadata of Oracle's cloud
    "168.63.129.16",  # and of Azure's
    "192.88.99.1",
    "0.0.0.0",  # noqa: S104 (nothing is bound)
)


def inside_ipv6(address: str) -> tuple[str, ...]:
    """Give the forms of IPv6 that lead to an IPv4 address."""
    a, b, c, d = (int(part) for part in address.split("."))
    high, low = f"{a:02x}{b:02x}", f"{c:02x}{d:02x}"
    return (
        f"::ffff:{address}",
        f"::ffff:0:{address}",
        f"::{high}:{low}",
        f"64:ff9b::{high}:{low}",
        f"2002:{high}:{low}::1",
        f"2a00:1450::5efe:{high}:{low}",
        f"2a00:1450::200:5efe:{high}:{low}",
    )


@pytest.mark.parametrize("address", INTERNAL_IPV4)
def test_what_is_internal_in_ipv4_is_so_inside_ipv6(address: str) -> None:
    assert is_internal(address)
    assert [form for form in inside_ipv6(address) if not is_internal(form)] == []


def test_what_is_public_in_ipv4_is_so_inside_ipv6() -> None:
    assert not is_internal("8.8.8.8")
    assert [form for form in inside_ipv6("8.8.8.8") if is_internal(form)] == []


@pytest.mark.parametrize(
    "address",
    [
        *("::", "::1", "fe80::1", "fe80::1%eth0", "fd00:ec2::254", "fec0::1", "ff02::1", "2001:db8::1"),
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",  # Teredo
        "64:ff9b:1::808:808",  # a network's own NAT64
        *("224.0.0.1", "255.255.255.255", "240.0.0.1", "198.18.0.1", "4000::1", "3fff:fff::1"),
    ],
)
def test_an_address_that_is_not_public_is_internal(address: str) -> None:
    assert is_internal(address)


@pytest.mark.parametrize(
    "host", ["2a00:1450:4001::1", "93.184.216.34", "data.sensor.community", "a.b.", "xn--p1ai.org"]
)
def test_a_public_host_is_not_internal(host: str) -> None:
    assert not is_internal(host)


@pytest.mark.parametrize(
    "host",
    [
        *(
            "localhost",
            "LOCALHOST.",
            "a.localhost",
            "printer",
            "printer.local",
            "metadata.google.internal",
            "",
        ),
        *(
            "nas.lan",
            "nas.home.arpa",
            "127.1",
            "2130706433",
            "0x7f.0.0.1",
            "0x7f000001",
            "1.2.3.0x4",
            "0177.0.0.1",
        ),
        *("metadata.google%2einternal", "127.0.0.1%00.example.org", "a.b.c d"),
    ],
)
def test_a_name_of_ones_own_network_is_internal(host: str) -> None:
    assert is_internal(host)
