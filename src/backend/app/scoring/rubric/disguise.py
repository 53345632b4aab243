"""What a text says under a disguise: invisible characters, look-alike letters, an encoding."""

import base64
import binascii
import re
import unicodedata
from collections.abc import Iterator
from urllib.parse import unquote

_MOST = 8
_ENCODED = re.compile(r"(?<![A-Za-z0-9+/=_-])[A-Za-z0-9+/_-]{20,2000}={0,2}(?![A-Za-z0-9+/=_-])")
_HEX = re.compile(r"(?<![0-9A-Za-z])(?:[0-9a-fA-F]{2}){16,1000}(?![0-9A-Za-z])")
# Cyrillic and Greek letters that look like Latin ones, as Unicode's confusables list them (UTS #39).
_LATIN = str.maketrans(
    "авеікмнорсѕтухјԁԛԝαεικνορτυχАВЕІКМНОРСЅТУХЈ", "abeikmhopcstyxjdqwaeikvoptuxABEIKMHOPCSTYXJ"
)
_TAGS = {0xE0000 + code: code for code in range(0x20, 0x7F)}
"""Invisible tag characters, each of which stands for an ASCII one."""


def unmasked(text: str) -> Iterator[str]:
    """The text as it reads without its disguises, each way that differs from it; bounded in number."""
    if not text.isascii():
        visible = "".join(c for c in text.translate(_TAGS) if unicodedata.category(c) != "Cf")
        plain = unicodedata.normalize("NFKC", visible)
        if plain != text:
            yield plain
        if (latin := plain.translate(_LATIN)) != plain:
            yield latin
    if "%20" in text:
        yield unquote(text, errors="replace")
    if len(text) >= 20:
        yield from _decoded(text)


def _decoded(text: str) -> Iterator[str]:
    for match, _ in zip(_ENCODED.finditer(text), range(_MOST), strict=False):
        token = match[0].rstrip("=")
        try:
            raw = base64.b64decode(
                token + "=" * (-len(token) % 4), altchars=b"-_" if "-" in token or "_" in token else None
            )
        except (binascii.Error, ValueError):
            continue
        yield from _readable(raw)
    for match, _ in zip(_HEX.finditer(text), range(_MOST), strict=False):
        yield from _readable(bytes.fromhex(match[0]))


def _readable(raw: bytes) -> Iterator[str]:
    """The bytes as text, when they are text with spaces in it."""
    if b" " in raw and raw.isascii() and raw.decode("ascii").isprintable():
        yield raw.decode("ascii")
