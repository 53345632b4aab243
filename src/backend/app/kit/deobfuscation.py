"""What a text may also be read as: a model sees through obfuscation, so a search for orders must too."""

import base64
import binascii
import codecs
import html
import re
import unicodedata
from collections.abc import Iterator
from typing import Literal
from urllib.parse import unquote

# Cyrillic and Greek letters that look like Latin ones, as Unicode's confusables list them (UTS #39).
_LOOKALIKES = str.maketrans(
    "авгеікмнорстухѕјһԁԛԝѵьαβγεηικνορτυχωАВЕІКМНОРСЅТУХЈ",
    "abreikmhopctyxsjhdqwvbabyenikvoptuxwABEIKMHOPCSTYXJ",
)
_LEET = str.maketrans("0134578@$!|+", "oieastbasilt")
_TAGS = {0xE0000 + code: code for code in range(0x20, 0x7F)}
"""Invisible tag characters, each of which stands for an ASCII one."""
_TAG = re.compile("[\U000e0020-\U000e007e]")
_SPACED_OUT = re.compile(r"(?<!\w)\w(?:[\s._*|/~-]{1,3}\w){3,}(?!\w)")
_FILLING = re.compile(r"[\s._*|/~-]")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
_HEX = re.compile(r"(?:[0-9a-fA-F]{2}[\s:]?){10,}+")
_PERCENT = re.compile(r"%[0-9a-fA-F]{2}")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2}))")
# Characters: a shorter text says nothing, and codes are looked for in so much of a text.
_MIN_TEXT = 8
_MIN_CODE = 16
_LONGEST_CODE = 16_000
_MOST_GROWTH = 3
"""Characters that one may become. The few with longer forms, up to the 18 of U+FDFA, are words and signs that
no Latin order is written with; they are read as spaces."""
_LONG_FORMS = {
    code: " "
    for block in (range(0x2050, 0x2B00), range(0x3200, 0x3400), range(0xFDF0, 0xFE00))
    for code in block
    if len(unicodedata.normalize("NFKC", chr(code))) > _MOST_GROWTH
}
_NORMALIZED_AT_ONCE = 256
"""Characters: normalising sorts a run of combining marks, in a time that grows with the run's square."""


def variants(text: str) -> Iterator[str]:
    """`text` in lower case, each way of reading it that differs: decoded, and respelled by simple ciphers."""
    seen = set()
    for variant in _respelled(text):
        if variant not in seen:
            seen.add(variant)
            yield variant


def decoded_variants(text: str) -> Iterator[str]:
    """The other ways to read `text` that leave its letters' case alone, without the unlikely ones.

    Invisible characters, compatibility forms and look-alike letters are resolved, and codes decoded.
    """
    if not text.isascii():
        visible = _without(text.translate(_TAGS), ("Cf",))
        compatible = normalized("NFKC", visible)
        if compatible != text:
            yield compatible
        if (latin := compatible.translate(_LOOKALIKES)) != compatible:
            yield latin
    yield from _decoded(text)


def spelled_out(text: str) -> str:
    """What is written letter by letter in `text`, without anything between the letters."""
    return " ".join(_FILLING.sub("", match[0]) for match in _SPACED_OUT.finditer(plain(text)))


def plain(text: str) -> str:
    """`text` in lower case, compatibility forms resolved, without accents and invisible characters."""
    if text.isascii():
        return text.lower()
    apart = normalized("NFKD", text)
    # Hangul and voiced kana come apart in NFKD.
    return normalized("NFKC", _without(apart, ("Mn", "Cf", "Me"))).lower()


def normalized(form: Literal["NFKC", "NFKD"], text: str) -> str:
    """`text` in a compatibility form; characters that grow more than three times in NFKC become a space.

    NFKC is at most three times as long as `text`, NFKD at most four. Both are made piece by piece, so that
    the time is linear; a mark may stay apart where two pieces meet.
    """
    bounded = text.translate(_LONG_FORMS)
    starts = range(0, len(bounded), _NORMALIZED_AT_ONCE)
    return "".join(
        unicodedata.normalize(form, bounded[start : start + _NORMALIZED_AT_ONCE]) for start in starts
    )


def _without(text: str, categories: tuple[str, ...]) -> str:
    """`text` without the characters of some of Unicode's general categories."""
    gone = [ord(char) for char in set(text) if unicodedata.category(char) in categories]
    return text.translate(dict.fromkeys(gone)) if gone else text


def _respelled(text: str) -> Iterator[str]:
    for layer in (text, *_decoded(text)):
        read = plain(layer)
        yield read
        if not read.isascii():
            yield read.translate(_LOOKALIKES)
        yield read.translate(_LEET)
        yield codecs.decode(read, "rot13")
        yield read[::-1]


def _decoded(text: str) -> Iterator[str]:
    """What is written in another code within `text`."""
    if "&" in text and (unescaped := html.unescape(text)) != text:
        yield unescaped
    if "%" in text and _PERCENT.search(text):
        yield unquote(text, errors="replace")
    if "\\u" in text or "\\x" in text:
        yield _ESCAPE.sub(lambda match: chr(int(match[1] or match[2], 16)), text)
    if not text.isascii() and _TAG.search(text):
        yield "".join(chr(_TAGS[ord(char)]) for char in text if ord(char) in _TAGS)
    if len(text) < _MIN_CODE:
        return
    start = text[:_LONGEST_CODE]
    for match in _HEX.finditer(start):
        yield from _as_text(_unhex(match[0]))
    for match in _BASE64.finditer(start):
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
