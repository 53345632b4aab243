"""The tree against RFC 6962's published vectors and a naive second implementation."""

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import ProofFailedError, ProofFormatError, ProofRangeError
from app.proof.domain import merkle
from app.proof.domain.merkle import CompactRange, Node, Subtree
from support import naive_merkle

# The entries of Certificate Transparency's tests, and the roots of the first so many of them.
ENTRIES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = (
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
LARGEST = 300
LEAVES = [b"entry %d" % number for number in range(LARGEST)]
HASHES = [merkle.leaf_hash(entry) for entry in LEAVES]

sizes = st.integers(0, LARGEST)


@cache
def naive_root(size: int) -> bytes:
    """The root of the first leaves, by the definition."""
    return naive_merkle.root(LEAVES[:size])


def hash_of(subtree: Subtree) -> bytes:
    """The hash of a complete subtree of `LEAVES`, from the rows of leaves that it stands on."""
    width = 1 << subtree.level
    return merkle.subtree_hash(HASHES[subtree.position * width : (subtree.position + 1) * width])


def inclusion(leaf: int, size: int) -> list[bytes]:
    return merkle.build(merkle.inclusion_plan(leaf, size), hash_of)


def consistency(old: int, new: int) -> list[bytes]:
    return merkle.build(merkle.consistency_plan(old, new), hash_of)


@pytest.mark.parametrize("size", range(len(ROOTS)))
def test_roots_are_those_that_certificate_transparency_publishes(size: int) -> None:
    assert merkle.root_of(map(merkle.leaf_hash, ENTRIES[:size])).hex() == ROOTS[size]


def test_the_root_of_every_size_is_that_of_the_definition() -> None:
    for size in range(LARGEST + 1):
        assert merkle.root_of(HASHES[:size]) == naive_root(size)


@given(st.data())
def test_any_inclusion_proof_is_that_of_the_definition(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, LARGEST))
    leaf = data.draw(st.integers(0, size - 1))
    path = inclusion(leaf, size)
    assert path == naive_merkle.inclusion(leaf, LEAVES[:size])
    merkle.verify_inclusion(HASHES[leaf], leaf, size, path, naive_root(size))


@given(sizes, sizes)
def test_any_consistency_proof_is_that_of_the_definition(one: int, other: int) -> None:
    old, new = sorted((one, other))
    path = consistency(old, new)
    assert path == (naive_merkle.consistency(old, LEAVES[:new]) if old else [])
    merkle.verify_consistency(old, new, path, naive_root(old), naive_root(new))


def test_every_proof_of_every_small_tree_holds() -> None:
    for new in range(34):
        for old in range(new + 1):
            merkle.verify_consistency(old, new, consistency(old, new), naive_root(old), naive_root(new))
        for leaf in range(new):
            merkle.verify_inclusion(HASHES[leaf], leaf, new, inclusion(leaf, new), naive_root(new))


@given(st.lists(st.integers(0, LARGEST), max_size=6))
def test_a_tree_grows_by_any_portions(portions: list[int]) -> None:
    tree = CompactRange()
    for portion in portions:
        tree.extend(HASHES[tree.size : min(LARGEST, tree.size + portion)])
        assert tree.root() == naive_root(tree.size)


@given(sizes, sizes)
def test_a_tree_goes_on_from_its_right_edge(one: int, other: int) -> None:
    old, new = sorted((one, other))
    tree = CompactRange.of(old, hash_of)
    assert tree.root() == naive_root(old)
    for leaf in HASHES[old:new]:
        tree.append(leaf)
    assert (tree.size, tree.root()) == (new, naive_root(new))


def test_subtrees_that_others_hashed_are_merged() -> None:
    tree = CompactRange()
    tree.extend(HASHES[:192])
    tree.append_subtree(6, merkle.subtree_hash(HASHES[192:256]))
    tree.append_subtree(5, merkle.subtree_hash(HASHES[256:288]))
    tree.extend(HASHES[288:])
    assert tree.root() == naive_root(LARGEST)


def test_a_subtree_that_begins_elsewhere_is_refused() -> None:
    tree = CompactRange()
    tree.extend(HASHES[:2])
    with pytest.raises(ValueError, match="level 2 begins at leaf 2"):
        tree.append_subtree(2, HASHES[0])


@pytest.mark.parametrize("count", [0, 3, 6])
def test_only_a_power_of_two_makes_a_complete_subtree(count: int) -> None:
    with pytest.raises(ValueError, match=f"over {count} nodes"):
        merkle.subtree_hash(HASHES[:count])


def test_the_nodes_that_a_store_keeps_are_told_once_each() -> None:
    leaf = HASHES[0]
    tile = merkle.subtree_hash([leaf] * 256)
    tree = CompactRange()
    told = (
        tree.extend([leaf] * 100)
        + tree.extend([leaf] * 65_400)
        + [*tree.append(leaf)]
        + tree.extend([leaf] * 291)
    )
    assert tree.size == 65_792
    assert [node for node in told if node.level == 8] == [Node(8, position, tile) for position in range(257)]
    assert [node for node in told if node.level != 8] == [Node(16, 0, merkle.subtree_hash([tile] * 256))]


@given(st.integers(1, 2**40), st.data())
def test_plans_name_subtrees_within_the_tree(size: int, data: st.DataObject) -> None:
    leaf = data.draw(st.integers(0, size - 1))
    plan = merkle.inclusion_plan(leaf, size)
    named = [range(position << level, position + 1 << level) for part in plan for level, position in part]
    assert sum(map(len, named)) == size - 1
    assert all(each.stop <= size and leaf not in each for each in named)
    assert len(plan) <= (size - 1).bit_length()


@pytest.mark.parametrize(
    ("subtree", "rows"),
    [
        (Subtree(0, 7), (0, 7, 8)),
        (Subtree(5, 3), (0, 96, 128)),
        (Subtree(8, 3), (8, 3, 4)),
        (Subtree(15, 2), (8, 256, 384)),
        (Subtree(17, 5), (16, 10, 12)),
    ],
)
def test_a_subtree_is_made_of_rows_of_a_stored_level(subtree: Subtree, rows: tuple[int, int, int]) -> None:
    assert merkle.stored_rows(subtree) == rows


@pytest.mark.parametrize(("leaf", "size"), [(0, 0), (5, 5), (-1, 5)])
def test_a_leaf_beyond_the_tree_has_no_proof(leaf: int, size: int) -> None:
    with pytest.raises(ProofRangeError):
        merkle.inclusion_plan(leaf, size)
    with pytest.raises(ProofRangeError):
        merkle.verify_inclusion(HASHES[0], leaf, size, [], HASHES[0])


@pytest.mark.parametrize(("old", "new"), [(6, 5), (-1, 5)])
def test_a_tree_does_not_begin_with_a_larger_one(old: int, new: int) -> None:
    with pytest.raises(ProofRangeError):
        merkle.consistency_plan(old, new)
    with pytest.raises(ProofRangeError):
        merkle.verify_consistency(old, new, [], HASHES[0], HASHES[0])


def test_no_tree_has_a_negative_size() -> None:
    with pytest.raises(ProofRangeError):
        merkle.root_plan(-1)


def flipped(hash_: bytes, bit: int) -> bytes:
    """The hash with one bit changed."""
    changed = int.from_bytes(hash_) ^ 1 << bit % 256
    return changed.to_bytes(merkle.HASH_BYTES)


@settings(max_examples=50)
@given(st.data())
def test_an_inclusion_proof_that_is_changed_anywhere_fails(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, LARGEST))
    leaf = data.draw(st.integers(0, size - 1))
    bit = data.draw(st.integers(0, 255))
    path, root, hash_ = inclusion(leaf, size), naive_root(size), HASHES[leaf]
    changed = [
        ([*path[:at], flipped(path[at], bit), *path[at + 1 :]], hash_, root) for at in range(len(path))
    ]
    changed += [(path[:at] + path[at + 1 :], hash_, root) for at in range(len(path))]
    changed += [([*path[:at], hash_, *path[at:]], hash_, root) for at in range(len(path) + 1)]
    changed += [(path, flipped(hash_, bit), root), (path, hash_, flipped(root, bit))]
    for each, leaf_hash, claimed in changed:
        with pytest.raises(ProofFailedError):
            merkle.verify_inclusion(leaf_hash, leaf, size, each, claimed)


@settings(max_examples=50)
@given(st.data())
def test_a_proof_of_one_leaf_is_none_of_another(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, LARGEST))
    leaf, other = data.draw(st.lists(st.integers(0, size - 1), min_size=2, max_size=2, unique=True))
    with pytest.raises(ProofFailedError):
        merkle.verify_inclusion(HASHES[leaf], other, size, inclusion(leaf, size), naive_root(size))


@settings(max_examples=50)
@given(st.data())
def test_a_consistency_proof_that_is_changed_anywhere_fails(data: st.DataObject) -> None:
    new = data.draw(st.integers(2, LARGEST))
    old = data.draw(st.integers(1, new - 1))
    bit = data.draw(st.integers(0, 255))
    path, roots = consistency(old, new), (naive_root(old), naive_root(new))
    changed = [([*path[:at], flipped(path[at], bit), *path[at + 1 :]], *roots) for at in range(len(path))]
    changed += [(path[:at] + path[at + 1 :], *roots) for at in range(len(path))]
    changed += [([*path[:at], HASHES[0], *path[at:]], *roots) for at in range(len(path) + 1)]
    changed += [(path, flipped(roots[0], bit), roots[1]), (path, roots[0], flipped(roots[1], bit))]
    for each, old_root, new_root in changed:
        with pytest.raises(ProofFailedError):
            merkle.verify_consistency(old, new, each, old_root, new_root)


@pytest.mark.parametrize(
    ("old", "path", "old_root"),
    [
        (3, [], naive_root(4)),
        (3, [HASHES[0]], naive_root(3)),
        (0, [HASHES[0]], merkle.EMPTY_ROOT),
        (0, [], HASHES[0]),
    ],
)
def test_a_tree_of_the_same_size_or_none_needs_no_path(old: int, path: list[bytes], old_root: bytes) -> None:
    with pytest.raises(ProofFailedError):
        merkle.verify_consistency(old, 3, path, old_root, naive_root(3))


def test_a_path_must_lead_to_the_root_and_not_to_a_node_below_it() -> None:
    with pytest.raises(ProofFailedError, match="below the root"):
        merkle.verify_inclusion(HASHES[0], 0, 4, [HASHES[1]], naive_root(2))
    with pytest.raises(ProofFailedError, match="below the root"):
        merkle.verify_consistency(1, 4, [HASHES[1]], naive_root(1), naive_root(2))


@pytest.mark.parametrize("short", [b"", HASHES[0][:31], HASHES[0] + b"\0"])
def test_a_hash_of_another_length_is_none(short: bytes) -> None:
    with pytest.raises(ProofFormatError):
        merkle.verify_inclusion(HASHES[0], 0, 2, [short], naive_root(2))
    with pytest.raises(ProofFormatError):
        merkle.verify_consistency(1, 2, [short], naive_root(1), naive_root(2))


def test_an_entry_cannot_pass_for_a_node() -> None:
    assert merkle.leaf_hash(HASHES[0] + HASHES[1]) != merkle.node_hash(HASHES[0], HASHES[1])
