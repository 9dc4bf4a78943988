"""Whether an address is this machine's own: nothing that is posted there can reach a phone by itself."""

import ipaddress
from urllib.parse import urlsplit


def is_loopback(place: str | None) -> bool:
    """Whether a URL, or a host with or without a port, is this machine; a name other than localhost is not (RFC 6761).

    None, and whatever cannot be read, is not.
    """
    host = _host(place or "")
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _host(place: str) -> str:
    try:
        return urlsplit(place if "//" in place else f"//{place}").hostname or ""
    except ValueError:
        return ""
