"""What a page of another site may not make a browser do, since the internal face knows no password.

- A name that such a page has pointed at this machine (DNS rebinding) is refused by `Host`. An address is
  always right: rebinding needs a name. A server that listens on other addresses than loopback goes by names
  that it cannot know, so it checks them only where `RUNLOG_ALLOWED_HOSTS` is set.
- A change that another origin's page asks for is refused by what browsers say of its origin (Fetch Metadata's
  `Sec-Fetch-Site`, else `Origin`), which no page can forge. A client that is no browser says nothing of it.
"""

from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.connection import BOUND_HOST
from app.kit.hosts import host_names, host_of, is_address, is_loopback

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITES = frozenset(
    {"same-origin", "none"}
)  # "none": the person themselves, by the address bar or a bookmark
_DEFAULT_PORTS = {"http": "80", "https": "443"}


class Refusal(NamedTuple):
    """A status and why, in one sentence that holds nothing of the request."""

    status: int
    reason: str


_SEVERAL_HOSTS = Refusal(400, "a request has one Host header")
_FOREIGN_HOST = Refusal(
    421, "the Host header names another server; if this one goes by that name, set RUNLOG_ALLOWED_HOSTS to it"
)
_FOREIGN_ORIGIN = Refusal(
    403,
    "a page of another origin may change nothing here; RUNLOG_ALLOWED_HOSTS names those that are its own",
)


@lru_cache(maxsize=1024)
def is_host_allowed(host: bytes | None, bound: str, allowed: str) -> bool:
    """Whether a server that listens on `bound` goes by the `Host` header `host`; `allowed` names others."""
    if not host or not (allowed or is_loopback(bound)):
        return True
    name = host_of(host.decode("latin-1"))
    if name is None:
        return False
    own = is_address(name) or is_loopback(name) or name == bound.lower()
    return own or name in host_names(allowed)


def refusal(method: str, headers: Headers, bound: str | None, allowed: str) -> Refusal | None:
    """Why the request is not served; None where it is. `bound` None checks no `Host`."""
    hosts = headers.getlist("host")
    if len(hosts) > 1:
        return _SEVERAL_HOSTS
    host = hosts[0] if hosts else ""
    if bound is not None and not is_host_allowed(host.encode("latin-1"), bound, allowed):
        return _FOREIGN_HOST
    if method in _READING:
        return None
    if site := headers.get("sec-fetch-site"):
        return None if site.lower() in _OWN_SITES else _FOREIGN_ORIGIN
    origin = headers.get("origin")
    # A gateway may send another Host on. No page can set this header without asking, which is not granted.
    own = (host, headers.get("x-forwarded-host", ""))
    return None if origin is None or _is_own(origin, own, allowed) else _FOREIGN_ORIGIN


def _is_own(origin: str, own: tuple[str, ...], allowed: str) -> bool:
    try:
        scheme, authority = urlsplit(origin.lower())[:2]
    except ValueError:
        return False
    port = _DEFAULT_PORTS.get(scheme)
    if port is None or not authority:  # "null", or an extension's
        return False
    names = {each.strip().lower().removesuffix(f":{port}") for value in own for each in value.split(",")}
    return authority.removesuffix(f":{port}") in names or host_of(authority) in host_names(allowed)


class BrowserGuard:
    """ASGI middleware that refuses such requests; a public face needs no `checks_host`."""

    def __init__(self, app: ASGIApp, allowed: str, *, checks_host: bool) -> None:
        self._app = app
        self._allowed = allowed
        self._checks_host = checks_host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            bound = scope.get("state", {}).get(BOUND_HOST) if self._checks_host else None
            refused = refusal(scope["method"], Headers(scope=scope), bound, self._allowed)
            if refused:
                await JSONResponse({"detail": refused.reason}, refused.status)(scope, receive, send)
                return
        await self._app(scope, receive, send)
