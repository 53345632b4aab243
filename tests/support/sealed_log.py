"""A small log in memory: runs sealed, one erased, signed checkpoints, and the documents that prove them."""

from dataclasses import dataclass, field

from app.proof.domain import entries, merkle
from app.proof.domain.checkpoint import Checkpoint
from app.proof.domain.merkle import Subtree
from app.proof.domain.note import Note, SigningKey
from app.proof.domain.proofs import ConsistencyProof, Payload, RunProof, SealedEntry

ORIGIN = "runlog.example/log"
KEY = SigningKey(ORIGIN, bytes(range(32)))
RUNS = [f"00000000-0000-4000-8000-{number:012d}" for number in range(5)]
MOMENT = "2026-11-30T07:00:00.000001Z"
USER = "runlog_writer"
ERASED = RUNS[2]


@dataclass
class SealedLog:
    """Entries in the order of the log, and of each run that is not erased the payload."""

    entries: list[bytes] = field(default_factory=list)
    payloads: dict[str, Payload] = field(default_factory=dict)
    leaves: dict[tuple[str, str], int] = field(default_factory=dict)

    def add_run(self, id_: str, summary: str | None, actions: str | None) -> None:
        """Seal a run that reported this."""
        payload = Payload(entries.payload_bytes(summary, actions), bytes([len(self.entries)]) * 32)
        self.payloads[id_] = payload
        hash_ = entries.commitment(payload.salt, payload.content)
        run = {"id_": id_, "agent_id": "säge", "run_at": MOMENT, "status": "success", "created_at": MOMENT}
        self._add(("run", id_), entries.run_entry(**run, payload=hash_))

    def erase(self, id_: str) -> None:
        """Destroy the payload and its salt."""
        del self.payloads[id_]
        erasure = entries.erasure_entry(
            run_id=id_, at=MOMENT, by="ann@example.com", reason="asked for by its subject"
        )
        self._add(("erasure", id_), erasure)

    def add(self, entry: bytes) -> None:
        """Seal any other entry."""
        self._add(("other", str(len(self.entries))), entry)

    def checkpoint(self, size: int, *keys: SigningKey) -> Note:
        """The checkpoint of the first so many leaves, signed by the log's key or by these."""
        root = merkle.root_of(map(merkle.leaf_hash, self.entries[:size]))
        return Checkpoint(ORIGIN, size, root).sign(keys or [KEY])

    def proof(self, id_: str, checkpoint: Note | None = None) -> RunProof:
        """The proof of a run, by default in the whole log."""
        note = checkpoint or self.checkpoint(len(self.entries))
        size = Checkpoint.parse(note.text).size
        content = self.payloads.get(id_) or self._sealed(self.leaves["erasure", id_], size)
        return RunProof(self._sealed(self.leaves["run", id_], size), content, note)

    def consistency(self, old: int, new: int) -> ConsistencyProof:
        """The proof that the log of `old` leaves is the beginning of that of `new`."""
        return ConsistencyProof(old, new, self._hashes(merkle.consistency_plan(old, new)))

    def _add(self, name: tuple[str, str], entry: bytes) -> None:
        self.leaves[name] = len(self.entries)
        self.entries.append(entry)

    def _sealed(self, leaf: int, size: int) -> SealedEntry:
        return SealedEntry(self.entries[leaf], leaf, self._hashes(merkle.inclusion_plan(leaf, size)))

    def _hashes(self, plan: merkle.Plan) -> tuple[bytes, ...]:
        return tuple(merkle.build(plan, self._hash_of))

    def _hash_of(self, subtree: Subtree) -> bytes:
        width = 1 << subtree.level
        entries_ = self.entries[subtree.position * width : (subtree.position + 1) * width]
        return merkle.subtree_hash([merkle.leaf_hash(entry) for entry in entries_])


def example_log() -> SealedLog:
    """A log with an entry of each kind, of eleven leaves; the third run is erased."""
    log = SealedLog()
    log.add(entries.key_entry(key=str(KEY.verifier), state="begins", at=MOMENT))
    log.add_run(RUNS[0], "Paid three invoices", '{"paid": 3, "total": 1.50}')
    log.add_run(RUNS[1], None, None)
    log.add_run(RUNS[2], "Wrote to ann@example.com", '{"mails": 1}')
    log.add_run(RUNS[3], 'Grüße 😀 "\\\n\x7f', "{}")
    log.add(entries.scores_entry([(RUNS[0], '{"overall": 0.9}'), (RUNS[1], None)], at=MOMENT, by=USER))
    row = '{"id": 1, "rater": "ann", "stars": 5}'
    log.add(entries.event_entry(table="run_rating", operation="insert", row=row, at=MOMENT, by=USER))
    log.erase(ERASED)
    log.add_run(RUNS[4], "", '{"no_op": true, "reason": "bank holiday"}')
    log.add(entries.event_entry(table="run_rating", operation="delete", row=row, at=MOMENT, by=USER))
    log.add(entries.key_entry(key=str(KEY.verifier), state="ends", at=MOMENT))
    return log
