"""A witness that cosigns checkpoints, as C2SP tlog-cosignature has it, without the product's code."""

import base64
import hashlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def witness_key(name: str, seed: bytes) -> str:
    """The text of the witness's verifier key."""
    return key_text(name, _typed_key(seed))


def cosignature_line(text: str, name: str, seed: bytes, moment: int) -> str:
    """The line by which the witness cosigns a checkpoint of this text, at `moment` in seconds since 1970."""
    signed = Ed25519PrivateKey.from_private_bytes(seed).sign(
        f"cosignature/v1\ntime {moment}\n{text}".encode()
    )
    value = _key_id(name, seed) + moment.to_bytes(8) + signed
    return f"\u2014 {name} {base64.b64encode(value).decode()}\n"


def key_text(name: str, content: bytes) -> str:
    """The text of a verifier key of any content, with the id that fits it."""
    key_id = hashlib.sha256(name.encode() + b"\n" + content).digest()[:4]
    return f"{name}+{key_id.hex()}+{base64.b64encode(content).decode()}"


def _typed_key(seed: bytes) -> bytes:
    return b"\x04" + Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def _key_id(name: str, seed: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + _typed_key(seed)).digest()[:4]
