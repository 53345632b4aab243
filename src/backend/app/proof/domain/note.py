"""Signed notes: text that one key or several have signed, in the form of C2SP signed-note.

A key's name, the kind of its signatures and its public key together make its id. A log signs the text with
Ed25519; a witness signs checkpoints, and when it saw them (C2SP tlog-cosignature, `cosignature/v1`). Keys are
exchanged as text, as Go's `sumdb/note` writes them.
"""

import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple, Self

from app.errors import ProofFailedError, ProofFormatError
from app.proof.domain.encoding import from_base64, to_base64

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ED25519, COSIGNATURE = 0x01, 0x04
"""The kinds of signatures, by the byte that signed-note assigns them: a log's and a witness's."""

MOST_SIGNATURES = 100
"""Signatures of a note, as of Go's `sumdb/note`; the specification wants 16 accepted at least."""

MOST_CHARACTERS = 1_000_000
"""Characters of a note, as many as bytes in Go's `sumdb/note`."""

_NOTE = re.compile(r"(?:(?!\u2014 )[^\n]+\n)+\n(?:\u2014 [^\n]+\n)+")
_KEY_BYTES = 32
_ID_BYTES = 4
_TIMESTAMP = struct.Struct(">Q")  # seconds since 1970
_LATEST = 2**63 - 1
_NAME = re.compile(r"[^\s+]+")
_ID = re.compile(r"[0-9a-f]{8}")
# What no note has: control characters, and what is no UTF-8.
_UNWRITABLE = re.compile("[\0-\x09\x0b-\x1f\ud800-\udfff]")
_DASH = "\u2014 "
_PRIVATE = "PRIVATE+KEY+"


class Signature(NamedTuple):
    """A signature line: `value` is what its key's kind makes of it, in bytes."""

    name: str
    key_id: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key with the name and the kind that its signatures have."""

    name: str
    kind: int
    public_key: bytes

    def __post_init__(self) -> None:
        _check_name(self.name)
        if self.kind not in (ED25519, COSIGNATURE):
            raise ProofFormatError(f"the verifier key {self.name} is of the unknown kind {self.kind}")
        if len(self.public_key) != _KEY_BYTES:
            raise ProofFormatError(f"the verifier key {self.name} has not {_KEY_BYTES} bytes")

    @property
    def id(self) -> bytes:
        """The four bytes that, with the name, say which key a signature is of."""
        return sha256(f"{self.name}\n".encode() + bytes([self.kind]) + self.public_key).digest()[:_ID_BYTES]

    def __str__(self) -> str:
        """`<name>+<id in hex>+<base64 of kind and public key>`."""
        return f"{self.name}+{self.id.hex()}+{to_base64(bytes([self.kind]) + self.public_key)}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str` writes. Raises ProofFormatError, for a kind that is unknown here too."""
        name, id_, key = _parts(text, "verifier key")
        verifier = cls(name, key[0], key[1:])
        if verifier.id.hex() != id_:
            raise ProofFormatError(f"the verifier key {name} has the id {verifier.id.hex()}, not {id_}")
        return verifier

    def signed_at(self, text: str, signature: Signature) -> int | None:
        """Check this key's signature of `text`; returns when, in seconds since 1970, where a witness says so.

        Raises ProofFailedError where the signature is not this key's of this text.
        """
        message, value, moment = text.encode(), signature.value, None
        if self.kind == COSIGNATURE:
            if len(value) < _TIMESTAMP.size:
                raise ProofFailedError(f"the cosignature by {self.name} has no time")
            (moment,) = _TIMESTAMP.unpack_from(value)
            message, value = _cosigned(text, moment), value[_TIMESTAMP.size :]
        # On use: six megabytes, of which an API process that shows proofs has no need.
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(value, message)
        except InvalidSignature:
            raise ProofFailedError(f"the signature by {self.name} is not of this text") from None
        if moment is not None and moment > _LATEST:
            raise ProofFailedError(f"the cosignature by {self.name} is of no time that there is")
        return moment


@dataclass(frozen=True, slots=True, repr=False)
class SigningKey:
    """A private key with the name of its signatures; `seed` is the Ed25519 key, 32 random bytes."""

    name: str
    seed: bytes

    def __post_init__(self) -> None:
        _check_name(self.name)
        if len(self.seed) != _KEY_BYTES:
            raise ProofFormatError(f"the signing key {self.name} has not {_KEY_BYTES} bytes")

    def private_text(self) -> str:
        """`PRIVATE+KEY+<name>+<id in hex>+<base64 of kind and seed>`, which `parse` reads."""
        return f"{_PRIVATE}{self.name}+{self.verifier.id.hex()}+{to_base64(bytes([ED25519]) + self.seed)}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `private_text` writes. Raises ProofFormatError, whose text has nothing of the key."""
        if not text.startswith(_PRIVATE):
            raise ProofFormatError(f"a signing key begins with {_PRIVATE}")
        name, id_, key = _parts(text.removeprefix(_PRIVATE), "signing key")
        if key[0] != ED25519:
            raise ProofFormatError(f"the signing key {name} is of the unknown kind {key[0]}")
        signing_key = cls(name, key[1:])
        if signing_key.verifier.id.hex() != id_:
            raise ProofFormatError(f"the signing key {name} does not have the id {id_}")
        return signing_key

    @property
    def verifier(self) -> VerifierKey:
        """The key to check signatures with."""
        return VerifierKey(self.name, ED25519, self._private().public_key().public_bytes_raw())

    def sign(self, text: str) -> Signature:
        """Sign a note's text."""
        return Signature(self.name, self.verifier.id, self._private().sign(text.encode()))

    def _private(self) -> "Ed25519PrivateKey":
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return Ed25519PrivateKey.from_private_bytes(self.seed)


class Verified(NamedTuple):
    """A key that has signed a note; `moment` is when, in seconds since 1970, where it is a witness's."""

    key: VerifierKey
    moment: int | None


@dataclass(frozen=True, slots=True)
class Note:
    """A text, ending in a newline, and its signatures."""

    text: str
    signatures: tuple[Signature, ...]

    def __post_init__(self) -> None:
        if not self.text.endswith("\n") or _UNWRITABLE.search(self.text):
            raise ProofFormatError(
                "a note's text is UTF-8, ends in a newline and has no other control character"
            )

    def __str__(self) -> str:
        """The note as it is sent: its text, an empty line, and a line a signature."""
        lines = [f"{_DASH}{each.name} {to_base64(each.key_id + each.value)}\n" for each in self.signatures]
        return f"{self.text}\n{''.join(lines)}"

    @classmethod
    def parse(cls, note: str) -> Self:
        """Read what `str` writes; no signature is checked. Raises ProofFormatError."""
        if len(note) > MOST_CHARACTERS:
            raise ProofFormatError(f"a note has at most {MOST_CHARACTERS} characters")
        text, blank, lines = note.rpartition("\n\n")
        if not blank or not lines.endswith("\n"):
            raise ProofFormatError("a note ends in an empty line and signature lines")
        signatures = [_signature(line) for line in lines[:-1].split("\n")]
        if len(signatures) > MOST_SIGNATURES:
            raise ProofFormatError(f"a note has at most {MOST_SIGNATURES} signatures")
        return cls(f"{text}\n", tuple(signatures))

    def verified(self, keys: Iterable[VerifierKey]) -> list[Verified]:
        """Which of the keys have signed, each once; signatures of other keys are ignored, as they must be.

        Raises ProofFailedError where a signature of one of the keys is wrong, whatever the others say.
        """
        known = {(key.name, key.id): key for key in keys}
        verified: dict[VerifierKey, Verified] = {}
        for signature in self.signatures:
            key = known.get((signature.name, signature.key_id))
            if key is not None:
                verified.setdefault(key, Verified(key, key.signed_at(self.text, signature)))
        return list(verified.values())


def split_notes(text: str) -> list[str]:
    """The notes that follow each other in a text, with any empty lines between them; none is read.

    Raises ProofFormatError where there is anything else, or nothing.
    """
    notes = _NOTE.findall(text)
    if not notes or _NOTE.sub("", text).strip():
        raise ProofFormatError("each note is some lines, an empty line and signature lines")
    return notes


def sign_note(text: str, keys: Iterable[SigningKey]) -> Note:
    """The note of this text, signed by each key."""
    return Note(text, tuple(key.sign(text) for key in keys))


def _cosigned(text: str, moment: int) -> bytes:
    """What a witness signs: when it saw the log so."""
    return f"cosignature/v1\ntime {moment}\n{text}".encode()


def _signature(line: str) -> Signature:
    """Read a signature line."""
    name, separator, value = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not separator:
        raise ProofFormatError("a signature line has a dash, a name and base64, with one space between them")
    _check_name(name)
    content = from_base64(value)
    if len(content) <= _ID_BYTES:
        raise ProofFormatError(f"the signature by {name} is empty")
    return Signature(name, content[:_ID_BYTES], content[_ID_BYTES:])


def _parts(text: str, what: str) -> tuple[str, str, bytes]:
    """Name, id in hex, and the bytes of a key's text: its kind and the key."""
    name, id_, key = (*text.split("+", 2), "", "")[:3]
    if not _ID.fullmatch(id_):
        raise ProofFormatError(f"a {what} has a name, 8 hex digits and base64, with + between them")
    _check_name(name)
    return name, id_, from_base64(key)


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name) or _UNWRITABLE.search(name):
        raise ProofFormatError("a key's name is not empty and has no space and no +")
