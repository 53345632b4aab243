"""What a text may also be read as: a model sees through disguises, so whoever looks for orders must too."""

import base64
import binascii
import codecs
import html
import re
import unicodedata
from collections.abc import Iterator
from urllib.parse import unquote

_LOOKALIKES = str.maketrans(
    dict(
        zip(
            "авгеікмнорстухѕјһԁԛԝѵьαβγεηικνορτυχω",
            "abreikmhopctyxsjhdqwvbabyenikvoptuxw",
            strict=True,
        )
    )
)
_LEET = str.maketrans("0134578@$!|+", "oieastbasilt")
_SPACED_OUT = re.compile(r"(?<!\w)\w(?:[\s._*|/~-]{1,3}\w){3,}(?!\w)")
_FILLING = re.compile(r"[\s._*|/~-]")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
_HEX = re.compile(r"(?:[0-9a-fA-F]{2}[\s:]?){10,}")
_PERCENT = re.compile(r"%[0-9a-fA-F]{2}")
_MIN_TEXT = 8
_LONGEST_CODE = 8_000


def readings(text: str) -> Iterator[str]:
    """`text` in lower case without disguises, each way of reading it that differs."""
    seen = set()
    for read in _all(text):
        if read not in seen:
            seen.add(read)
            yield read


def _all(text: str) -> Iterator[str]:
    for layer in (text, *_decoded(text)):
        read = plain(layer)
        yield read
        if not read.isascii():
            yield read.translate(_LOOKALIKES)
        yield read.translate(_LEET)
        yield codecs.decode(read, "rot13")
        yield read[::-1]


def spelled_out(text: str) -> str:
    """What is written letter by letter in `text`, without anything between the letters."""
    return " ".join(_FILLING.sub("", match[0]) for match in _SPACED_OUT.finditer(plain(text)))


def plain(text: str) -> str:
    """`text` in lower case, compatibility forms resolved, without accents and what nobody sees."""
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text)
    seen = "".join(char for char in apart if unicodedata.category(char) not in ("Mn", "Cf", "Me"))
    # Hangul and voiced kana come apart in NFKD.
    return unicodedata.normalize("NFKC", seen).lower()


def _decoded(text: str) -> Iterator[str]:
    """What is written in another code within `text`."""
    if "&" in text and (unescaped := html.unescape(text)) != text:
        yield unescaped
    if _PERCENT.search(text):
        yield unquote(text)
    if "\\u" in text or "\\x" in text:
        yield re.sub(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2}))", lambda m: chr(int(m[1] or m[2], 16)), text)
    if any(0xE0020 <= ord(char) <= 0xE007E for char in text):
        yield "".join(chr(ord(char) - 0xE0000) for char in text if 0xE0020 <= ord(char) <= 0xE007E)
    for match in _HEX.finditer(text[:_LONGEST_CODE]):
        yield from _as_text(_unhex(match[0]))
    for match in _BASE64.finditer(text[:_LONGEST_CODE]):
        yield from _as_text(_unbase64(match[0]))


def _unhex(code: str) -> bytes:
    digits = re.sub(r"[\s:]", "", code)
    return bytes.fromhex(digits[: len(digits) // 2 * 2])


def _unbase64(code: str) -> bytes:
    body = code.rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        return base64.b64decode(body[: len(body) - (len(body) % 4 == 1)] + "=" * (-len(body) % 4))
    except binascii.Error:
        return b""


def _as_text(raw: bytes) -> Iterator[str]:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return
    if len(text) >= _MIN_TEXT and all(char.isprintable() or char.isspace() for char in text):
        yield text
