"""Bytes as text, of which each has one form alone: what would decode to the same bytes is refused."""

import base64
import binascii
import re

from app.errors import ProofFormatError

_HEX = re.compile(r"(?:[0-9a-f]{2})*")


def to_base64(content: bytes) -> str:
    """Standard base64 with padding (RFC 4648, section 4)."""
    return base64.b64encode(content).decode()


def from_base64(text: str) -> bytes:
    """What `to_base64` makes this text of. Raises ProofFormatError where that is nothing."""
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        content = b""
    if not content or to_base64(content) != text:
        raise ProofFormatError("what should be base64 is not")
    return content


def from_hex(text: str) -> bytes:
    """The bytes of hexadecimal digits in lower case. Raises ProofFormatError."""
    if not _HEX.fullmatch(text):
        raise ProofFormatError("what should be pairs of hexadecimal digits in lower case is not")
    return bytes.fromhex(text)
