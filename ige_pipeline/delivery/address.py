"""Addresses that no message is ever posted to: those at which a cloud tells a machine its own secrets.

A private address is allowed: n8n is often next door. The check is made where the socket is made, on the address that
the name was resolved to, so that a name which changes its mind between two look-ups gets nowhere.
"""

import ipaddress
import socket
from typing import Any

_FORBIDDEN = (
    # Link-local, and with it the metadata service of nearly every cloud (RFC 3927, RFC 4291).
    ipaddress.ip_network("169.254.0.0/16"),
    ipaddress.ip_network("fe80::/10"),
    # Metadata services elsewhere: Azure's other one, AWS over IPv6, Alibaba, Oracle.
    ipaddress.ip_network("168.63.129.16/32"),
    ipaddress.ip_network("fd00:ec2::254/128"),
    ipaddress.ip_network("100.100.100.200/32"),
    ipaddress.ip_network("192.0.0.192/32"),
)
# Where an IPv4 address is written inside of an IPv6 one: at the end (RFC 4291's compatible ones, RFC 6052, RFC 7915),
# and in a network's own prefix for NAT64 (RFC 8215) at any of the places of RFC 6052.
_AT_THE_END = (
    ipaddress.ip_network("::/96"),
    ipaddress.ip_network("64:ff9b::/96"),
    ipaddress.ip_network("::ffff:0:0:0/96"),
)
_LOCAL_NAT64 = ipaddress.ip_network("64:ff9b:1::/48")
_METADATA_HOSTS = frozenset(
    {"metadata", "metadata.google.internal", "metadata.goog", "instance-data", "instance-data.ec2.internal"}
)
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def is_metadata_host(host: str) -> bool:
    """Whether a host is such a service by its name or by its address."""
    return host.rstrip(".").lower() in _METADATA_HOSTS or is_forbidden(host)


def is_forbidden(address: str) -> bool:
    """Whether an IP address must not be connected to, also where it is written inside another (::ffff:…, NAT64)."""
    try:
        outer = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return any(
        each in network for each in (outer, *_inner(outer)) for network in _FORBIDDEN if network.version == each.version
    )


class Gate:
    """Makes sockets to any address but these. `refused`: whether the last one asked for was among them."""

    def __init__(self) -> None:
        self.refused = False

    def open(self, found: tuple[Any, ...]) -> socket.socket:
        """Make the socket for one address of `getaddrinfo`; PermissionError for one that is forbidden."""
        family, kind, protocol, _, address = found
        self.refused = is_forbidden(str(address[0]))
        if self.refused:
            raise PermissionError("That is a link-local or metadata address.")
        made = socket.socket(family=family, type=kind, proto=protocol)
        made.setblocking(False)  # noqa: FBT003 - socket's own way
        return made


def _inner(address: Address) -> list[ipaddress.IPv4Address]:
    """Return the IPv4 addresses that are, or may be, written inside of this one."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    bits = int(address)
    found = [each for each in (address.ipv4_mapped, address.sixtofour) if each is not None]
    if any(address in network for network in _AT_THE_END):
        found.append(ipaddress.IPv4Address(bits & 0xFFFFFFFF))
    if address in _LOCAL_NAT64:
        found += [ipaddress.IPv4Address(each) for each in _embedded(bits)]
    return found


def _embedded(bits: int) -> list[int]:
    """Read what RFC 6052 (2.2) writes behind a prefix of 48, 56, 64 or 96 bits; bits 64 to 71 are left out of it."""
    without = (bits >> 64 << 56) | (bits & (1 << 56) - 1)
    return [without >> shift & 0xFFFFFFFF for shift in (40, 32, 24)] + [bits & 0xFFFFFFFF]
