"""From templates to answers: their environment and filters, and what every page is sent with."""

import gzip
import re
from datetime import UTC, datetime
from functools import cache
from hashlib import blake2b
from typing import Any, NamedTuple
from urllib.parse import quote

from fastapi import Request, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from app.kit.text import ago, counted, dollars, in_words, seconds_in_words
from app.scoring.domain.bands import with_band
from app.web.assets import asset_path

# Nothing that an agent wrote can run: no script or style but files of this server.
POLICY = "; ".join(
    (
        "default-src 'none'",
        *(f"{kind}-src 'self'" for kind in ("script", "style", "connect", "worker", "img")),
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
"""Content-Security-Policy of a page."""

INLINE_IMAGES = POLICY.replace("img-src 'self'", "img-src 'self' data:")
"""The same where a library has its icons in its style sheet."""

LIVE_PATH = "/live"
"""Of the stream that tells pages what has changed."""


class Page(NamedTuple):
    """A page that every other one leads to."""

    path: str
    name: str


_INTERNAL: tuple[Page, ...] = (
    Page("/runs", "Runs"),
    Page("/agents", "Agents"),
    Page("/audit", "Audit"),
    Page("/review", "Review"),
    Page("/swarm", "Swarm"),
    Page("/day", "Day"),
)
PAGES = {
    "public": (Page("/", "Intelligence"),),
    "internal": _INTERNAL,
    "all": (Page("/", "Intelligence"), *_INTERNAL),
}
"""The pages of each face."""

_COMPRESSION_LEVEL = 5  # of 1 to 9: a page in half a millisecond, 3 % larger than by 9
_LEAST_COMPRESSED_BYTES = 1024  # smaller ones fit into one packet as they are

# Controls but for line breaks and tabs, marks of direction and of no width. Joiners and selectors, which are
# part of how emoji and some scripts are written, are none of them.
_UNSEEN = re.compile(
    "([\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\U000e0001-\U000e007f])"
)


def render_text(template: str, **context: Any) -> str:
    """A template with no more than its context."""
    return _environment().get_template(template).render(**context)


def render(
    request: Request, template: str, status: int = 200, policy: str = POLICY, **context: Any
) -> Response:
    """The page, or its main part alone where the page's own script asks for that (`HX-Request`)."""
    return page_answer(request, page_text(request, template, **context), status, policy)


def page_text(request: Request, template: str, **context: Any) -> str:
    """What `render` sends."""
    return render_text(
        template,
        partial="hx-request" in request.headers,
        versions=getattr(request.state, "versions", {}),
        path=request.url.path,
        pages=PAGES[request.app.state.expose],
        is_internal=request.app.state.expose != "public",
        live_path=LIVE_PATH,
        origin=f"{request.url.scheme}://{request.url.netloc}",
        **context,
    )


def page_answer(request: Request, text: str, status: int = 200, policy: str = POLICY) -> Response:
    """A page as it is sent."""
    headers = {"Content-Security-Policy": policy}
    return answer(request, text.encode(), "text/html; charset=utf-8", headers, status)


def answer(
    request: Request, body: bytes, media_type: str, headers: dict[str, str] | None = None, status: int = 200
) -> Response:
    """`body` for one reader: compressed where they can, and not sent again where they have it."""
    tag = f'W/"{blake2b(body, digest_size=12).hexdigest()}"'
    sent = {
        "Cache-Control": "private, no-cache",
        "ETag": tag,
        "Vary": "Accept-Encoding, Cookie, HX-Request",
        **(headers or {}),
    }
    if status == 200 and request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=sent)
    if len(body) >= _LEAST_COMPRESSED_BYTES and "gzip" in request.headers.get("accept-encoding", ""):
        body = gzip.compress(body, _COMPRESSION_LEVEL, mtime=0)
        sent["Content-Encoding"] = "gzip"
    return Response(body, status, headers=sent, media_type=media_type)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= {
        "text": foreign_text,
        "time": time_element,
        "ago": ago_element,
        "span": in_words,
        "seconds": seconds_in_words,
        "dollars": dollars,
        "score": with_band,
        "number": lambda value: f"{value:,}",
        "agent_path": agent_path,
        "path": lambda text: quote(text, safe=""),
    }
    environment.globals |= {"asset": asset_path, "counted": counted}
    return environment


def agent_path(agent_id: str) -> str:
    """The path of an agent's page. Browsers resolve a segment of dots alone: such an id is in the query."""
    return f"/agents/?id={agent_id}" if agent_id in (".", "..") else f"/agents/{quote(agent_id, safe='')}"


def foreign_text(value: object) -> Markup:
    """What an agent or a person wrote, as text: nothing in it turns the line around or hides.

    Marks of direction, controls and spaces of no width are shown by their code point.
    """
    text = str(value)
    if text.isascii() and text.isprintable():
        return escape(text)
    parts = _UNSEEN.split(text)
    shown = [escape(part) if place % 2 == 0 else _code_point(part) for place, part in enumerate(parts)]
    return Markup("<bdi>{}</bdi>").format(Markup().join(shown))


def _code_point(character: str) -> Markup:
    return Markup('<span class="unseen">U+{:04X}</span>').format(ord(character))


def time_element(moment: datetime, form: str = "time") -> Markup:
    """A moment, in UTC until the page's script puts it into the reader's own zone.

    `form` is how: `time` (with its day unless that is today), `day` or `clock`.
    """
    moment = moment.astimezone(UTC)
    formats = {"time": "%Y-%m-%d %H:%M UTC", "day": "%Y-%m-%d", "clock": "%H:%M UTC"}
    return Markup('<time datetime="{}" data-form="{}" title="{}">{}</time>').format(
        f"{moment:%Y-%m-%dT%H:%M:%SZ}", form, f"{moment:%Y-%m-%d %H:%M:%S} UTC", f"{moment:{formats[form]}}"
    )


def ago_element(moment: datetime, now: datetime) -> Markup:
    """How long ago it was, which the page's script keeps true."""
    moment = moment.astimezone(UTC)
    return Markup('<time datetime="{}" data-form="ago" title="{}">{}</time>').format(
        f"{moment:%Y-%m-%dT%H:%M:%SZ}", f"{moment:%Y-%m-%d %H:%M:%S} UTC", ago(moment, now)
    )
