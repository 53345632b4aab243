"""`/sign-in` and `/sign-out`: how a reader on another machine comes to the internal face."""

from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from app.api.access import SESSION_COOKIE, SIGN_IN_PATH
from app.config import get_settings
from app.kit.sessions import LASTS, is_token, new_session
from app.web.forms import form_fields
from app.web.rendering import PAGES, render

router = APIRouter(include_in_schema=False)


@router.get(SIGN_IN_PATH)
async def get_sign_in(request: Request, wanted: Annotated[str, Query(alias="next")] = "/") -> Response:
    """A form for the token."""
    return render(request, "sign_in.html", wanted=_local(wanted), wrong=False)


@router.post(SIGN_IN_PATH)
async def sign_in(request: Request) -> Response:
    """Give a session for the token, and go on to the page that was wanted."""
    fields, token = await form_fields(request), get_settings().token
    wanted = _local(fields.get("next", "/"))
    if token is None or not is_token(fields.get("token", ""), token.get_secret_value()):
        return render(request, "sign_in.html", status=401, wanted=wanted, wrong=True)
    answer = RedirectResponse(wanted, 303)
    answer.set_cookie(
        SESSION_COOKIE,
        new_session(token.get_secret_value(), datetime.now(UTC)),
        max_age=int(LASTS.total_seconds()),
        httponly=True,
        # Not "strict": a link in an alert is followed from another site.
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return answer


@router.post("/sign-out")
async def sign_out() -> Response:
    """Forget the session of this browser."""
    answer = RedirectResponse(SIGN_IN_PATH, 303)
    answer.delete_cookie(SESSION_COOKIE)
    return answer


def _local(wanted: str) -> str:
    """The path that was wanted; for what leads to another host, the first page."""
    first = PAGES[get_settings().expose][0].path
    parts = urlsplit(wanted.replace("\\", "/"))
    is_local = not parts.scheme and not parts.netloc and parts.path.startswith("/") and wanted.isprintable()
    return wanted if is_local and wanted != "/" else first
