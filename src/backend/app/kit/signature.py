"""Signatures of webhooks, as the Standard Webhooks specification has them."""

import base64
import binascii
import hmac

_PREFIX = "whsec_"


def signing_key(secret: str) -> bytes:
    """The key: after `whsec_` it is base64, else the text itself. Raises `ValueError`."""
    if not secret.startswith(_PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError(f"what follows {_PREFIX} must be base64") from error


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`. `timestamp` is in seconds since 1970."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.digest(signing_key(secret), signed, "sha256")
    return f"v1,{base64.b64encode(digest).decode()}"
