"""The Merkle tree of the log: RFC 6962, section 2, and RFC 9162, section 2.1, with SHA-256.

A tree over n leaves has on its left the largest complete subtree that is smaller, of a power of two of
leaves, and on its right the tree over the rest. A complete subtree never changes again, so it has a name,
`Subtree`. Roots and proofs are made of the hashes of such alone: a plan says of which, and `build` puts them
together.

Hashes are 32 bytes. Leaves are counted from 0, sizes in leaves.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from hashlib import sha256
from typing import NamedTuple, Self

from app.errors import ProofFailedError, ProofFormatError, ProofRangeError

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()
"""The root of the tree without leaves (RFC 9162, 2.1.1)."""

TILE_HEIGHT = 8
"""Levels of a tile, as C2SP tlog-tiles has them: a store keeps the nodes of each eighth level."""

_TILE = 1 << TILE_HEIGHT


class Subtree(NamedTuple):
    """The complete subtree over the 2^level leaves from position * 2^level on. Level 0 is a leaf."""

    level: int
    position: int


class Node(NamedTuple):
    """A complete subtree with its hash."""

    level: int
    position: int
    hash: bytes


class StoredRows(NamedTuple):
    """The nodes of `level`, a multiple of `TILE_HEIGHT`, from position `first` to before `end`."""

    level: int
    first: int
    end: int


Plan = list[tuple[Subtree, ...]]
"""Of each hash of a proof, in its order, the complete subtrees that it is made of, from left to right."""


def leaf_hash(entry: bytes) -> bytes:
    """The hash of the leaf that holds `entry`."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of the node over two subtrees, given by their hashes."""
    return sha256(b"\x01" + left + right).digest()


def subtree_hash(hashes: Sequence[bytes]) -> bytes:
    """The hash of the complete subtree over these nodes of one level: a power of two, or ValueError."""
    count = len(hashes)
    if count == 0 or count & (count - 1):
        raise ValueError(f"no complete subtree is over {count} nodes")
    while len(hashes) > 1:
        pairs = iter(hashes)
        hashes = [sha256(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs, strict=True)]
    return hashes[0]


def root_of(leaf_hashes: Iterable[bytes]) -> bytes:
    """The root of the tree over these leaves."""
    tree = CompactRange()
    tree.extend(list(leaf_hashes))
    return tree.root()


class CompactRange:
    """A tree that grows. Only the complete subtrees on its right edge are kept: one a bit of its size."""

    def __init__(self) -> None:
        self.size = 0
        self._edge: list[bytes] = []  # one a bit of `size`, the largest first

    @classmethod
    def of(cls, size: int, hash_of: Callable[[Subtree], bytes]) -> Self:
        """The tree of `size` leaves, of which `hash_of` knows the complete subtrees of `root_plan(size)`."""
        tree = cls()
        tree.size = size
        tree._edge = [hash_of(subtree) for subtree in root_plan(size)]
        return tree

    def append(self, leaf: bytes) -> list[Node]:
        """Append a leaf by its hash; returns what `append_subtree` does."""
        return self.append_subtree(0, leaf)

    def extend(self, leaf_hashes: Sequence[bytes]) -> list[Node]:
        """Append leaves by their hashes; returns what `append_subtree` does, for all of them."""
        completed: list[Node] = []
        to_boundary = min(-self.size % _TILE, len(leaf_hashes))
        last_tile = to_boundary + (len(leaf_hashes) - to_boundary) // _TILE * _TILE
        for leaf in leaf_hashes[:to_boundary]:
            completed += self.append_subtree(0, leaf)
        for start in range(to_boundary, last_tile, _TILE):
            completed += self.append_subtree(TILE_HEIGHT, subtree_hash(leaf_hashes[start : start + _TILE]))
        for leaf in leaf_hashes[last_tile:]:
            completed += self.append_subtree(0, leaf)
        return completed

    def append_subtree(self, level: int, hash_: bytes) -> list[Node]:
        """Append the complete subtree of 2^level leaves that has this hash.

        Returns the nodes that are complete now and that a store keeps: those of levels that are a multiple of
        `TILE_HEIGHT`, above the leaves. ValueError where such a subtree does not begin at the tree's end.
        """
        position, misaligned = divmod(self.size, 1 << level)
        if misaligned:
            raise ValueError(f"no complete subtree of level {level} begins at leaf {self.size}")
        self.size += 1 << level
        completed = []
        while True:
            if level and level % TILE_HEIGHT == 0:
                completed.append(Node(level, position, hash_))
            if position % 2 == 0:
                break
            hash_ = node_hash(self._edge.pop(), hash_)
            level, position = level + 1, position // 2
        self._edge.append(hash_)
        return completed

    def edge(self) -> list[tuple[int, bytes]]:
        """Level and hash of each complete subtree of `root_plan`, from left to right."""
        return [(subtree.level, each) for subtree, each in zip(root_plan(self.size), self._edge, strict=True)]

    def root_with(self, subtrees: Iterable[tuple[int, bytes]]) -> bytes:
        """The root of this tree and subtrees, of level and hash, that follow it; the tree stays as it is."""
        tree = CompactRange()
        tree.size, tree._edge = self.size, list(self._edge)
        for level, hash_ in subtrees:
            tree.append_subtree(level, hash_)
        return tree.root()

    def root(self) -> bytes:
        """The root of the tree as it is now."""
        return _fold(self._edge) if self._edge else EMPTY_ROOT


def root_plan(tree_size: int) -> tuple[Subtree, ...]:
    """The complete subtrees of which the tree's root is made, from left to right; none of the empty tree."""
    if tree_size < 0:
        raise ProofRangeError(f"no tree has {tree_size} leaves")
    return _complete_subtrees(0, tree_size)


def inclusion_plan(leaf_index: int, tree_size: int) -> Plan:
    """What proves that a leaf is in the tree (RFC 9162, 2.1.3.1); ProofRangeError for a leaf beyond it."""
    if not 0 <= leaf_index < tree_size:
        raise ProofRangeError(f"a tree of {tree_size} leaves has no leaf {leaf_index}")
    plan: Plan = []
    start, end = 0, tree_size
    while end - start > 1:
        middle = start + _left_size(end - start)
        if leaf_index < middle:
            plan.append(_complete_subtrees(middle, end))
            end = middle
        else:
            plan.append(_complete_subtrees(start, middle))
            start = middle
    plan.reverse()
    return plan


def consistency_plan(old_size: int, new_size: int) -> Plan:
    """What proves that a tree is the beginning of a larger one (RFC 9162, 2.1.4.1).

    Nothing where the old one is empty or the same. Raises ProofRangeError where it is the larger one.
    """
    if not 0 <= old_size <= new_size:
        raise ProofRangeError(f"a tree of {new_size} leaves does not begin with one of {old_size}")
    plan: Plan = []
    start, end = 0, new_size
    while old_size and old_size != end:
        middle = start + _left_size(end - start)
        if old_size <= middle:
            plan.append(_complete_subtrees(middle, end))
            end = middle
        else:
            plan.append(_complete_subtrees(start, middle))
            start = middle
    if start:  # else the old tree is a subtree of the new one, and its root is known to who verifies
        plan.append(_complete_subtrees(start, end))
    plan.reverse()
    return plan


def build(plan: Plan, hash_of: Callable[[Subtree], bytes]) -> list[bytes]:
    """The hashes of a proof, where `hash_of` knows the complete subtrees that its plan names."""
    return [_fold([hash_of(subtree) for subtree in subtrees]) for subtrees in plan]


def stored_rows(subtree: Subtree) -> StoredRows:
    """From which nodes of a stored level `subtree_hash` makes the hash of `subtree`: from up to 128."""
    above = subtree.level % TILE_HEIGHT
    return StoredRows(subtree.level - above, subtree.position << above, subtree.position + 1 << above)


def verify_inclusion(
    leaf: bytes, leaf_index: int, tree_size: int, path: Sequence[bytes], root: bytes
) -> None:
    """Check that the leaf of this hash is in the tree (RFC 9162, 2.1.3.2).

    Raises ProofRangeError for a leaf beyond the tree, ProofFormatError where a hash has not 32 bytes, and
    ProofFailedError where the path does not lead to the root.
    """
    if not 0 <= leaf_index < tree_size:
        raise ProofRangeError(f"a tree of {tree_size} leaves has no leaf {leaf_index}")
    _check_hashes(leaf, root, *path)
    index, last = leaf_index, tree_size - 1
    hash_ = leaf
    for sibling in path:
        if last == 0:
            raise ProofFailedError(f"the path of leaf {leaf_index} is longer than the tree is high")
        if index % 2 or index == last:
            hash_ = node_hash(sibling, hash_)
            while index % 2 == 0 and index:  # the levels where this node has no sibling
                index, last = index // 2, last // 2
        else:
            hash_ = node_hash(hash_, sibling)
        index, last = index // 2, last // 2
    if last:
        raise ProofFailedError(f"the path of leaf {leaf_index} ends below the root")
    if hash_ != root:
        raise ProofFailedError(
            f"leaf {leaf_index} is not in the tree with this root: the path leads to another"
        )


def verify_consistency(
    old_size: int, new_size: int, path: Sequence[bytes], old_root: bytes, new_root: bytes
) -> None:
    """Check that the tree of `old_size` leaves is the beginning of that of `new_size` (RFC 9162, 2.1.4.2).

    Raises ProofRangeError where it is the larger one, ProofFormatError where a hash has not 32 bytes, and
    ProofFailedError where one of the roots does not follow from the path.
    """
    if not 0 <= old_size <= new_size:
        raise ProofRangeError(f"a tree of {new_size} leaves does not begin with one of {old_size}")
    _check_hashes(old_root, new_root, *path)
    if old_size in (0, new_size):
        if path:
            raise ProofFailedError("nothing is to be proved by a path, and there is one")
        if old_root != (new_root if old_size else EMPTY_ROOT):
            raise ProofFailedError(f"two trees of {old_size} leaves have different roots")
        return
    old, new = _roots_of_path(old_size, new_size, path, old_root)
    if old != old_root:
        raise ProofFailedError(f"the tree of {old_size} leaves had another root")
    if new != new_root:
        raise ProofFailedError(f"the tree of {new_size} leaves does not begin with that of {old_size}")


def _roots_of_path(
    old_size: int, new_size: int, path: Sequence[bytes], old_root: bytes
) -> tuple[bytes, bytes]:
    """The roots of both trees, as the path of a consistency proof has them; 0 < old_size < new_size."""
    old_index, last = old_size - 1, new_size - 1
    while old_index % 2:
        old_index, last = old_index // 2, last // 2
    # Where the old tree is a subtree of the new one, its root is the path's first hash, and not sent.
    hashes = iter(path if old_index else (old_root, *path))
    old = new = next(hashes, b"")
    for sibling in hashes:
        if last == 0:
            raise ProofFailedError("the path is longer than the tree is high")
        if old_index % 2 or old_index == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while old_index % 2 == 0 and old_index:  # the levels where this node has no sibling
                old_index, last = old_index // 2, last // 2
        else:
            new = node_hash(new, sibling)
        old_index, last = old_index // 2, last // 2
    if last:
        raise ProofFailedError("the path ends below the root")
    return old, new


def _check_hashes(*hashes: bytes) -> None:
    if any(len(each) != HASH_BYTES for each in hashes):
        raise ProofFormatError(f"a hash of SHA-256 has {HASH_BYTES} bytes")


def _fold(hashes: Sequence[bytes]) -> bytes:
    """The hash over neighbouring complete subtrees that become smaller from left to right."""
    return reduce(lambda right, left: node_hash(left, right), reversed(hashes))


def _left_size(size: int) -> int:
    """How many leaves are on the left of a tree of two or more: the largest power of two below its size."""
    return 1 << ((size - 1).bit_length() - 1)


def _complete_subtrees(start: int, end: int) -> tuple[Subtree, ...]:
    """The largest complete subtrees from leaf `start` to before `end`; `start` must begin one so large."""
    subtrees = []
    while start < end:
        level = (end - start).bit_length() - 1
        subtrees.append(Subtree(level, start >> level))
        start += 1 << level
    return tuple(subtrees)
