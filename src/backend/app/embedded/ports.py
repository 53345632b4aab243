"""Free TCP ports."""

import errno
import secrets
import socket

from app.embedded.waiting import comes_true

LOOPBACK = "127.0.0.1"


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether a server could listen on `port` of `host` now. Raises `OSError` where it never could."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        # As servers do: a port whose last connections are in TIME_WAIT counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
    return True


def becomes_free(port: int, host: str = LOOPBACK, *, timeout: float) -> bool:
    """Whether `port` of `host` is free within `timeout` seconds. Raises as `is_free` does."""
    return comes_true(lambda: is_free(port, host), timeout)


def free_port(preferred: int | None = None) -> int:
    """A free port of 127.0.0.1: `preferred` where that is free.

    Any other is below the ports of outgoing connections, one of which could take it while its
    server restarts.
    """
    port = preferred or _any_port()
    while not is_free(port):
        port = _any_port()
    return port


# 10000 to 31999: above the services that are commonly installed, below Linux's ports of outgoing connections
# (net.ipv4.ip_local_port_range, 32768 to 60999).
_PORTS = range(10_000, 32_000)


def _any_port() -> int:
    return secrets.choice(_PORTS)
