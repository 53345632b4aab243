"""The files that pages load: each under a path that names its content, so that browsers keep it for good."""

import gzip
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from importlib.resources import files
from mimetypes import guess_type
from pathlib import Path
from typing import NamedTuple

from fastapi import APIRouter, Request, Response

from app.errors import NotFoundError

STATIC_PATH = "/static/"
_SWAGGER_UI = ("swagger-ui-bundle.js", "swagger-ui.css")  # of the files that fastapi_offline brings along
_STATIC = Path(__file__).parent / "static"
_FOREVER = "public, max-age=31536000, immutable"  # RFC 8246: a year, and never asked for again
_DIGEST_LENGTH = 12  # hexadecimal digits; enough to tell a few versions of a file apart

router = APIRouter(include_in_schema=False)


class Asset(NamedTuple):
    """A file as it is sent: plain and compressed."""

    path: str
    media_type: str
    content: bytes
    compressed: bytes


@cache
def asset(name: str) -> Asset:
    """The file `name` of `static/`. Raises `NotFoundError`."""
    if name not in _files():
        raise NotFoundError("there is no such file")
    content = _files()[name].read_bytes()
    digest = sha256(content).hexdigest()[:_DIGEST_LENGTH]
    media_type = guess_type(name)[0] or "application/octet-stream"
    return Asset(f"{STATIC_PATH}{digest}/{name}", media_type, content, gzip.compress(content, mtime=0))


def asset_path(name: str) -> str:
    """The path under which the file is served, for templates."""
    return asset(name).path


@cache
def _files() -> Mapping[str, Path]:
    own = {str(each.relative_to(_STATIC)): each for each in _STATIC.rglob("*") if each.is_file()}
    brought = Path(str(files("fastapi_offline"))) / "static"
    return own | {name: brought / name for name in _SWAGGER_UI}


@router.get(STATIC_PATH + "{digest}/{name:path}")
async def get_asset(request: Request, name: str) -> Response:
    """A file; an older digest than the current one gets the current file, and no cache keeps that."""
    found = asset(name)
    headers = {
        "Cache-Control": _FOREVER if request.url.path == found.path else "no-store",
        "Vary": "Accept-Encoding",
    }
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(found.content, media_type=found.media_type, headers=headers)
    headers["Content-Encoding"] = "gzip"
    return Response(found.compressed, media_type=found.media_type, headers=headers)
