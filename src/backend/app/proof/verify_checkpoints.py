"""Verify checkpoints: who signed them, and whether the tree is what they say."""

from collections.abc import Sequence

from app.errors import ProofError
from app.proof.checkpoints import KeyChange
from app.proof.domain.checkpoint import Checkpoint, open_checkpoint
from app.proof.domain.note import Note, VerifierKey
from app.proof.problems import Problem


class Checkpoints:
    """The checkpoints to compare a tree of `size` leaves with.

    As notes: `stored` are the database's, by their size, and `kept` were kept elsewhere. The first keys
    are taken on trust; a later one is the log's where a trusted one has signed beside it.
    """

    def __init__(
        self, keys: Sequence[KeyChange], stored: Sequence[str], kept: Sequence[str], size: int
    ) -> None:
        self.stored = len(stored)
        self._size = size
        self._keys = keys
        self._trusted: set[VerifierKey] = set()
        self._roots: dict[int, list[tuple[bytes, str]]] = {}
        self._problems: list[Problem] = []
        self._differing: dict[str, int] = {}  # the smallest size, by whose checkpoint it is
        for note in stored:
            self._add(note, "checkpoint")
        for note in kept:
            self._add(note, "checkpoint that was kept elsewhere,")

    def sizes(self) -> list[int]:
        """The sizes of tree to compare."""
        return sorted(self._roots)

    def compare(self, size: int, root: bytes) -> None:
        """Compare the tree of that size; sizes come in ascending order."""
        for expected, whose in self._roots[size]:
            if expected != root:
                self._differing.setdefault(whose, size)

    def problems(self) -> list[Problem]:
        """What is wrong; of checkpoints that differ the first, for those after it differ too."""
        differing = [
            Problem("tree", f"the first {size} leaves are not those of the {whose} of {size} leaves")
            for whose, size in self._differing.items()
        ]
        return self._problems + differing

    def _add(self, text: str, whose: str) -> None:
        try:
            note = Note.parse(text)
            checkpoint = Checkpoint.parse(note.text)
            signing = [each.key for each in self._keys if each.begins and each.leaf_index < checkpoint.size]
            open_checkpoint(note, self._trusted or signing)
        except ProofError as error:
            self._problems.append(Problem("checkpoint", f"a {whose} is not this log's: {error}"))
            return
        self._trusted.update(each.key for each in note.verified(signing))
        if checkpoint.size > self._size:
            message = f"the {whose} has {checkpoint.size} leaves, and the log {self._size}: its end is gone"
            self._problems.append(Problem("missing", message))
        else:
            self._roots.setdefault(checkpoint.size, []).append((checkpoint.root, whose))
