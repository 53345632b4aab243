"""Checkpoints: how large the log is and what its root is, as a signed note (C2SP tlog-checkpoint).

A log's keys are named as its origin. So a key that signs for another log signs nothing here.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from app.errors import ProofFailedError, ProofFormatError
from app.proof.domain.encoding import from_base64, to_base64
from app.proof.domain.merkle import HASH_BYTES
from app.proof.domain.note import COSIGNATURE, ED25519, Note, SigningKey, Verified, VerifierKey, sign_note

LARGEST_SIZE = 2**63 - 1
"""Leaves of a log: what PostgreSQL's bigint holds, as Go's int64."""

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of a log. `extensions` are further lines, which this product writes none of."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if any("\n" in line or not line for line in (self.origin, *self.extensions)):
            raise ProofFormatError("a checkpoint's origin and its extensions are a line each, and not empty")
        if not 0 <= self.size <= LARGEST_SIZE:
            raise ProofFormatError(f"no log has {self.size} leaves")
        if len(self.root) != HASH_BYTES:
            raise ProofFormatError(f"a checkpoint's root has {HASH_BYTES} bytes")

    @property
    def text(self) -> str:
        """The text that is signed: origin, size and root in base64, a line each, and the extensions."""
        lines = (self.origin, self.size, to_base64(self.root), *self.extensions)
        return "".join(f"{line}\n" for line in lines)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `text` is. Raises ProofFormatError."""
        lines = text.split("\n")
        if len(lines) < 4 or lines[-1]:  # three lines, and what is after the last newline
            raise ProofFormatError("a checkpoint has three lines: origin, size and root")
        origin, size, root, *extensions = lines[:-1]
        if not _SIZE.fullmatch(size):
            raise ProofFormatError("a checkpoint's size is a decimal number without leading zeros")
        return cls(origin, int(size), from_base64(root), tuple(extensions))

    def sign(self, keys: Iterable[SigningKey]) -> Note:
        """The checkpoint as a note, signed by each key. Raises ProofFormatError for a key of another name."""
        keys = list(keys)
        if any(key.name != self.origin for key in keys):
            raise ProofFormatError(f"the keys of the log {self.origin} are named so")
        return sign_note(self.text, keys)


def as_signed(checkpoint: str) -> str:
    """The checkpoint without cosignatures, as the log signed it: those come later, and it stays the same."""
    note = Note.parse(checkpoint)
    origin = Checkpoint.parse(note.text).origin
    return str(Note(note.text, tuple(each for each in note.signatures if each.name == origin)))


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A checkpoint that was verified: which of the log's keys and which witnesses have signed it."""

    checkpoint: Checkpoint
    log_keys: tuple[VerifierKey, ...]
    witnesses: tuple[Verified, ...]


def open_checkpoint(note: Note, keys: Iterable[VerifierKey]) -> SignedCheckpoint:
    """Read and verify a checkpoint; `keys` are the log's and those of witnesses that are trusted.

    Raises ProofFormatError where it is no checkpoint, and ProofFailedError where no key of the log has signed
    it or the signature of any of the keys is wrong. Cosignatures alone do not do.
    """
    checkpoint = Checkpoint.parse(note.text)
    verified = note.verified(keys)
    log_keys = [
        each.key for each in verified if each.key.kind == ED25519 and each.key.name == checkpoint.origin
    ]
    if not log_keys:
        raise ProofFailedError(f"the checkpoint is not signed by a known key of the log {checkpoint.origin}")
    witnesses = [each for each in verified if each.key.kind == COSIGNATURE]
    return SignedCheckpoint(checkpoint, tuple(log_keys), tuple(witnesses))
