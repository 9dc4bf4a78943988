"""What Kubernetes puts into every pod's environment for each Service, in the form of Docker's old links.

A Service `ige-serve` is told of as IGE_SERVE_SERVICE_HOST, IGE_SERVE_PORT=tcp://10.0.0.7:8000, IGE_SERVE_PORT_8000_TCP
and so on. They look like settings of ours, and nobody mistyped them.
"""

import re

_NAME = re.compile(r"_SERVICE_(HOST|PORT(_\w+)?)$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$")
_ADDRESS = re.compile(r"(tcp|udp|sctp)://")


def is_service_link(name: str, value: str) -> bool:
    """Tell by its form; `…_PORT` alone might be anybody's, so there its value must be an address."""
    return bool(_NAME.search(name) or (name.endswith("_PORT") and _ADDRESS.match(value)))
