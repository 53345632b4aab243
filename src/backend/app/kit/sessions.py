"""Signed-in readers: a text for their browser that only who knows the token can have made."""

import hmac
from datetime import datetime, timedelta
from hashlib import sha256

LASTS = timedelta(days=30)
"""For which a browser stays signed in; another token ends it sooner."""


def new_session(token: str, now: datetime) -> str:
    """The session of a reader who gave the token: when it ends, and the signature of that."""
    ends = str(int((now + LASTS).timestamp()))
    return f"{ends}.{_signature(token, ends)}"


def is_session(text: str, token: str, now: datetime) -> bool:
    """Whether `text` is a session made with this token that has not ended."""
    ends, _, signature = text.partition(".")
    if not hmac.compare_digest(signature.encode(), _signature(token, ends).encode()):
        return False
    return int(ends) > now.timestamp()


def is_token(given: str, token: str) -> bool:
    """Whether what was given is the token, in a time that tells nothing of it."""
    return hmac.compare_digest(given.encode(), token.encode())


def _signature(token: str, ends: str) -> str:
    return hmac.new(token.encode(), f"session until {ends}".encode(), sha256).hexdigest()
