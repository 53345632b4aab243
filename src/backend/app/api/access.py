"""Who may use the internal face: everybody on this machine; from other machines who has the token.

A server that listens on a loopback address asks for none. On any other address the internal face takes the
token as a bearer (RFC 6750) from programs, and from browsers the session that `/sign-in` gives for it. The
public face and health checks stay open, and so do agents' reports, unless `RUNLOG_REPORTS_NEED_TOKEN` is set.
"""

from datetime import UTC, datetime
from http.cookies import CookieError, SimpleCookie
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.connection import BOUND_HOST
from app.api.negotiation import preferred
from app.kit.hosts import is_loopback
from app.kit.sessions import is_session, is_token

SIGN_IN_PATH = "/sign-in"
SESSION_COOKIE = "runlog_session"

_OPEN = frozenset({"/", "/live", "/docs", "/redoc", "/openapi.json", "/healthz", SIGN_IN_PATH})
_OPEN_BELOW = ("/readyz", "/static/", "/badge/", "/api/v1/public/")
REPORTS = frozenset(
    {
        "/api/v1/internal/agent-run-log",
        "/api/v1/internal/agent-run-start",
        "/api/v1/internal/peer-swarm/heartbeat",
        "/api/v1/internal/agent-cloud/tasks",
        "/v1/traces",
    }
)
"""What agents send of themselves, by POST."""

OPENCLAW = frozenset({"/api/v1/internal/openclaw/cron", "/api/v1/internal/openclaw/cron/"})
"""Where OpenClaw reports for its agents. It has a token of its own where one is set for it."""

HERMES = frozenset({"/api/v1/internal/hermes/webhook"})
"""Where Hermes reports for its agents. It has no token; where it has a secret, it signs what it sends."""

_REPORTS_OF_ALL = REPORTS | OPENCLAW | HERMES

READS_INTERNAL = "reads_internal"
"""The key in an ASGI scope's `state` of whether this reader may see the internal face."""

_HOW_TO_ENTER = "this needs the token that `runlog token` shows, as `Authorization: Bearer TOKEN`"
_BEARER = "bearer "
_JSON, _HTML = "application/json", "text/html"


class AccessGuard:
    """ASGI middleware that keeps the internal face to readers with the token, off loopback addresses."""

    def __init__(
        self,
        app: ASGIApp,
        token: str | None,
        *,
        reports_need_token: bool,
        openclaw_has_token: bool = False,
        hermes_has_secret: bool = False,
    ) -> None:
        self._app = app
        self._open_posts = (OPENCLAW if openclaw_has_token else frozenset()) | (
            HERMES if hermes_has_secret else frozenset()
        )
        self._token = token
        self._reports_need_token = reports_need_token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and not self._is_admitted(scope):
            await _refusal(scope)(scope, receive, send)
            return
        if scope["type"] == "http" and scope["path"] in _OPEN:
            may_read = not reads_need_token(scope) or self._is_signed_in(scope)
            scope.setdefault("state", {})[READS_INTERNAL] = may_read
        await self._app(scope, receive, send)

    def _is_admitted(self, scope: Scope) -> bool:
        path, is_post = scope["path"], scope["method"] == "POST"
        if is_post and path in self._open_posts:
            return True
        if is_post and path in _REPORTS_OF_ALL:
            return not self._reports_need_token or self._is_signed_in(scope)
        if path in _OPEN or path.startswith(_OPEN_BELOW):
            return True
        return not reads_need_token(scope) or self._is_signed_in(scope)

    def _is_signed_in(self, scope: Scope) -> bool:
        if not self._token:
            return False
        headers = Headers(scope=scope)
        given = headers.get("authorization", "")
        if given[: len(_BEARER)].lower() == _BEARER:
            return is_token(given[len(_BEARER) :].strip(), self._token)
        session = session_of(headers.get("cookie", ""))
        return session is not None and is_session(session, self._token, datetime.now(UTC))


def reads_need_token(scope: Scope) -> bool:
    """Whether the server listens where other machines reach it, so that reads need the token."""
    bound = scope.get("state", {}).get(BOUND_HOST)
    return bound is not None and not is_loopback(bound)


def session_of(cookies: str) -> str | None:
    """The session in a `Cookie` header, if there is one."""
    try:
        found = SimpleCookie(cookies).get(SESSION_COOKIE)
    except CookieError:
        return None
    return found.value if found else None


def _refusal(scope: Scope) -> Response:
    headers = Headers(scope=scope)
    wants_page = preferred(headers.get("accept", ""), (_JSON, _HTML)) == _HTML
    if scope["method"] in ("GET", "HEAD") and wants_page and not scope["path"].startswith("/api/"):
        query = scope["query_string"].decode("latin-1")
        wanted = quote(scope["path"] + (f"?{query}" if query else ""), safe="/")
        return RedirectResponse(f"{SIGN_IN_PATH}?next={wanted}", 303)
    return JSONResponse({"detail": _HOW_TO_ENTER}, 401, {"WWW-Authenticate": "Bearer"})
