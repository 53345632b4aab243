"""The documents that prove a run, and that one checkpoint continues another, to who has the log's key alone.

A document is one line of JSON; an auditor's export is one document of a run a line. Entries and payloads are
in it as the very text that is hashed, hashes and salts in hexadecimal: `docs/reference/proof-format.md`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, Self, TypeVar

import msgspec

from app.errors import ProofFailedError, ProofFormatError
from app.proof.domain.checkpoint import Checkpoint, SignedCheckpoint, open_checkpoint
from app.proof.domain.encoding import from_hex
from app.proof.domain.entries import Kind, commitment, parse_entry
from app.proof.domain.merkle import leaf_hash, verify_consistency, verify_inclusion
from app.proof.domain.note import Note, VerifierKey

_VERSION = 1


class _LeafDocument(msgspec.Struct, forbid_unknown_fields=True):
    entry: str
    leaf_index: int
    path: list[str]


class _RunDocument(_LeafDocument, forbid_unknown_fields=True):
    salt: str | None
    payload: str | None
    erasure: _LeafDocument | None
    tree_size: int
    checkpoint: str
    v: Literal[1]


class _ConsistencyDocument(msgspec.Struct, forbid_unknown_fields=True):
    from_size: int
    to_size: int
    path: list[str]
    v: Literal[1]


@dataclass(frozen=True, slots=True)
class SealedEntry:
    """An entry, and the hashes that lead from it to the tree's root."""

    content: bytes
    leaf_index: int
    path: tuple[bytes, ...]

    def verify(self, kind: Kind, checkpoint: Checkpoint) -> dict[str, Any]:
        """The entry's fields, once it is shown to be of this kind and in the checkpoint's tree.

        Raises ProofFormatError, ProofFailedError and ProofRangeError.
        """
        entry = parse_entry(self.content)
        if entry["kind"] != kind:
            raise ProofFailedError(f"leaf {self.leaf_index} is of the kind {entry['kind']}, not {kind}")
        hash_ = leaf_hash(self.content)
        verify_inclusion(hash_, self.leaf_index, checkpoint.size, self.path, checkpoint.root)
        return entry


@dataclass(frozen=True, slots=True)
class Payload:
    """What an agent reported, in the bytes that the commitment covers, and the salt that makes it so."""

    content: bytes
    salt: bytes


@dataclass(frozen=True, slots=True)
class ProvenRun:
    """A run whose proof holds. `payload` is None where `erasure`, the fields of that entry, says why."""

    entry: dict[str, Any]
    payload: bytes | None
    erasure: dict[str, Any] | None
    checkpoint: SignedCheckpoint


@dataclass(frozen=True, slots=True)
class RunProof:
    """What proves a run: its entry, and either its payload or the entry of the payload's erasure."""

    run: SealedEntry
    content: Payload | SealedEntry
    checkpoint: Note

    def to_json(self) -> str:
        """The document, on one line."""
        kept = self.content if isinstance(self.content, Payload) else None
        return _line(
            {
                **_leaf(self.run),
                "salt": kept and kept.salt.hex(),
                "payload": kept and kept.content.decode(),
                "erasure": _leaf(self.content) if isinstance(self.content, SealedEntry) else None,
                "tree_size": Checkpoint.parse(self.checkpoint.text).size,
                "checkpoint": str(self.checkpoint),
            }
        )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a document; nothing is verified. Raises ProofFormatError."""
        document = _document(text, _RunDocument)
        checkpoint = Note.parse(document.checkpoint)
        if Checkpoint.parse(checkpoint.text).size != document.tree_size:
            raise ProofFormatError(f"the checkpoint is of no tree of {document.tree_size} leaves")
        return cls(_sealed(document), _content(document), checkpoint)

    def verify(self, keys: Iterable[VerifierKey]) -> ProvenRun:
        """Verify all of it; `keys` are the log's and those of witnesses, as `open_checkpoint` wants them.

        Raises ProofFailedError, ProofRangeError, and ProofFormatError for what no log of ours holds.
        """
        signed = open_checkpoint(self.checkpoint, keys)
        run = self.run.verify(Kind.RUN, signed.checkpoint)
        if isinstance(self.content, Payload):
            _check_commitment(run, self.content)
            return ProvenRun(run, self.content.content, None, signed)
        erasure = self.content.verify(Kind.ERASURE, signed.checkpoint)
        if erasure["run_id"] != run["id"]:
            raise ProofFailedError(
                f"what was erased is the payload of {erasure['run_id']}, not of {run['id']}"
            )
        return ProvenRun(run, None, erasure, signed)


@dataclass(frozen=True, slots=True)
class ConsistencyProof:
    """What proves that a log of `from_size` leaves is the beginning of the same log with `to_size`."""

    from_size: int
    to_size: int
    path: tuple[bytes, ...]

    def to_json(self) -> str:
        """The document, on one line."""
        path = [each.hex() for each in self.path]
        return _line({"from_size": self.from_size, "to_size": self.to_size, "path": path})

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a document. Raises ProofFormatError."""
        document = _document(text, _ConsistencyDocument)
        return cls(document.from_size, document.to_size, tuple(map(from_hex, document.path)))

    def verify(self, old: Checkpoint, new: Checkpoint) -> None:
        """Check that the log of `new` continues that of `old`; ProofFailedError or ProofRangeError if not."""
        if (old.origin, old.size, new.size) != (new.origin, self.from_size, self.to_size):
            raise ProofFailedError("the proof is about other checkpoints")
        verify_consistency(old.size, new.size, self.path, old.root, new.root)


def _check_commitment(run: dict[str, Any], payload: Payload) -> None:
    if commitment(payload.salt, payload.content).hex() != run["payload"]:
        raise ProofFailedError(f"the payload of {run['id']} is not the one that was reported")


def _content(document: _RunDocument) -> Payload | SealedEntry:
    match document:
        case _RunDocument(salt=str(salt), payload=str(payload), erasure=None):
            return Payload(payload.encode(), from_hex(salt))
        case _RunDocument(salt=None, payload=None, erasure=_LeafDocument() as erasure):
            return _sealed(erasure)
    raise ProofFormatError("a run's proof has either its salt and payload, or the erasure of these")


def _sealed(document: _LeafDocument) -> SealedEntry:
    return SealedEntry(document.entry.encode(), document.leaf_index, tuple(map(from_hex, document.path)))


def _leaf(sealed: SealedEntry) -> dict[str, Any]:
    path = [each.hex() for each in sealed.path]
    return {"entry": sealed.content.decode(), "leaf_index": sealed.leaf_index, "path": path}


def _line(document: dict[str, Any]) -> str:
    return msgspec.json.encode({"v": _VERSION, **document}).decode()


_Document = TypeVar("_Document")


def _document(text: str, form: type[_Document]) -> _Document:
    try:
        return msgspec.json.decode(text, type=form)
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError) as error:
        raise ProofFormatError(f"the proof is not in its form: {error}") from None
