"""`runlog mcp`: the run log's tools for a model, over stdio or streamable HTTP."""

import signal
import socket
import sys
from typing import Any

import typer
import uvicorn
from mcp.server.transport_security import TransportSecuritySettings
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.access import AccessGuard
from app.api.browser_guard import BrowserGuard
from app.api.connection import BOUND_HOST
from app.cli.mcp_tools import make_server
from app.cli.token import require_token
from app.config import get_settings
from app.errors import RunLogError
from app.kit.hosts import is_loopback

PATH = "/mcp"
_BACKLOG = 128  # connections that wait to be accepted; each is a model


def over_stdio() -> None:
    """Serve one client by stdin and stdout, until it closes them."""
    make_server().run()


def over_http(host: str, port: int) -> None:
    """Serve clients at `/mcp` until a signal, and print where once they can connect.

    Who may ask is as for the run log's own server: from a browser none but its own pages, and off a loopback
    address who has the token. Raises `RunLogError` where the address cannot be listened on.
    """
    if not is_loopback(host):
        require_token(get_settings())
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise RunLogError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
    with listener:
        server = uvicorn.Server(
            uvicorn.Config(make_app(host), access_log=False, log_config=None, server_header=False, ws="none")
        )
        # uvicorn raises the signal again when all is answered: to be asked to stop is no failure.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        shown = f"[{host}]" if family == socket.AF_INET6 else host
        typer.echo(f"ready http://{shown}:{listener.getsockname()[1]}{PATH}")
        sys.stdout.flush()
        server.run(sockets=[listener])


def make_app(host: str) -> ASGIApp:
    """The ASGI application of a server that listens on `host`."""
    settings = get_settings()
    token = settings.token.get_secret_value() if settings.token else None
    app: Any = make_server().streamable_http_app(
        streamable_http_path=PATH,
        json_response=True,
        stateless_http=True,
        max_request_body_size=settings.max_body_bytes,
        # BrowserGuard does this, by the names that RUNLOG_ALLOWED_HOSTS adds.
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
    app = AccessGuard(app, token, reports_need_token=settings.reports_need_token)
    return _Bound(BrowserGuard(app, settings.allowed_hosts, checks_host=True), host)


class _Bound:
    """ASGI middleware that says in each scope what host the server listens on."""

    def __init__(self, app: ASGIApp, host: str) -> None:
        self._app = app
        self._host = host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope.setdefault("state", {})[BOUND_HOST] = self._host
        await self._app(scope, receive, send)
