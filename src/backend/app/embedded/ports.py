"""Free TCP ports."""

import errno
import secrets
import socket
import time

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


def becomes_free(port: int, host: str = LOOPBACK, *, patience: float) -> bool:
    """Whether `port` of `host` is free within `patience` seconds. Raises as `is_free` does."""
    deadline = time.monotonic() + patience
    while not is_free(port, host):
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.05)
    return True


def free_port(preferred: int | None = None) -> int:
    """A free port of 127.0.0.1: `preferred` where that is free.

    Any other is below the ports of outgoing connections, one of which could hold it while its
    server restarts.
    """
    port = preferred or _any_port()
    while not is_free(port):
        port = _any_port()
    return port


def _any_port() -> int:
    return 10_000 + secrets.randbelow(22_000)
