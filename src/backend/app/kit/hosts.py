"""Names and addresses of hosts, as in a `Host` header and in settings."""

import re
from functools import lru_cache
from ipaddress import ip_address

_NAME = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?", re.ASCII)
_HOST = re.compile(
    r"(\[[0-9a-f:.]+(?:%[\w.~-]+)?\]|[^:\[\]/@\s]*?)\.?(?::[0-9]{0,5})?", re.ASCII | re.IGNORECASE
)


@lru_cache(maxsize=64)
def host_names(text: str) -> frozenset[str]:
    """The names or addresses in `text`, separated by commas or spaces, in lower case.

    Raises `ValueError` for what is neither, such as a URL or a name with a port.
    """
    names = frozenset(part.strip("[]").rstrip(".") for part in text.lower().replace(",", " ").split())
    for name in names:
        if not is_address(name) and not _NAME.fullmatch(name):
            raise ValueError("must be host names without scheme and port, separated by commas or spaces")
    return names


def host_of(authority: str) -> str | None:
    """The host of `host[:port]` in lower case, an address without brackets; None where it is none."""
    found = _HOST.fullmatch(authority)
    if not found:
        return None
    host = found[1].strip("[]").lower()
    return host if is_address(host) or _NAME.fullmatch(host) else None


def is_address(host: str) -> bool:
    """Whether it is an IP address, without brackets."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether it names this machine's loopback: an address of it, `localhost` or a name below."""
    host = host.strip("[]").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return True
    return is_address(host) and ip_address(host).is_loopback
