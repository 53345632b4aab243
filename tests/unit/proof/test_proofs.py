"""The documents: what is in them is proved, and nothing else passes."""

import json
from typing import Any

import pytest

from app.errors import ProofError, ProofFailedError, ProofFormatError, ProofRangeError
from app.proof.domain.checkpoint import Checkpoint
from app.proof.domain.proofs import ConsistencyProof, RunProof
from support.sealed_log import ERASED, KEY, RUNS, SealedLog, example_log

LOG = example_log()
KEYS = [KEY.verifier]


def document(id_: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(LOG.proof(id_).to_json())
    return loaded


def verify(changed: dict[str, Any]) -> None:
    RunProof.parse(json.dumps(changed)).verify(KEYS)


@pytest.mark.parametrize("id_", [each for each in RUNS if each != ERASED])
def test_a_run_is_proved_with_its_payload(id_: str) -> None:
    text = LOG.proof(id_).to_json()
    assert "\n" not in text
    proof = RunProof.parse(text)
    assert (proof, proof.to_json()) == (LOG.proof(id_), text)
    proven = proof.verify(KEYS)
    assert (proven.entry["id"], proven.payload, proven.erasure) == (id_, LOG.payloads[id_].content, None)
    assert proven.checkpoint.checkpoint.size == len(LOG.entries)


def test_an_erased_payload_leaves_a_proof_and_says_why() -> None:
    text = LOG.proof(ERASED).to_json()
    assert "Wrote to" not in text
    proven = RunProof.parse(text).verify(KEYS)
    assert proven.payload is None
    assert proven.erasure is not None
    assert (proven.erasure["run_id"], proven.erasure["by"]) == (ERASED, "ann@example.com")


def test_a_proof_holds_in_every_later_tree() -> None:
    for size in range(LOG.leaves["run", RUNS[0]] + 1, len(LOG.entries) + 1):
        LOG.proof(RUNS[0], LOG.checkpoint(size)).verify(KEYS)


def changes(value: Any) -> list[Any]:
    """The value with each of its parts changed, added or taken away."""
    match value:
        case dict():
            within = [value | {key: changed} for key in value for changed in changes(value[key])]
            return [
                *within,
                *({k: v for k, v in value.items() if k != key} for key in value),
                value | {"w": 1},
            ]
        case list():
            within = [
                [*value[:at], new, *value[at + 1 :]] for at in range(len(value)) for new in changes(value[at])
            ]
            return [
                *within,
                value[:-1],
                [*value, "00" * 32],
                [*value, value[0]],
                [value[0], *value],
                value[::-1],
            ]
        case str():
            turned = [f"{value[:at]}{chr(ord(value[at]) ^ 1)}{value[at + 1 :]}" for at in range(len(value))]
            return [*turned, value[1:], value[:-1], f"{value} ", value.upper(), None, 7]
        case int():
            return [value + 1, value - 1, -1, 2**64, str(value), float(value), None]
    return [{}, "00" * 32, 0]


@pytest.mark.parametrize("id_", [RUNS[0], ERASED])
def test_a_document_that_is_changed_anywhere_fails(id_: str) -> None:
    original = document(id_)
    verify(original)
    tried = [changed for changed in changes(original) if json.dumps(changed) != json.dumps(original)]
    assert len(tried) > 900
    for changed in tried:
        with pytest.raises(ProofError):
            verify(changed)


def test_parts_of_other_proofs_do_not_fit() -> None:
    first, other, erased = document(RUNS[0]), document(RUNS[3]), document(ERASED)
    payload = {name: other[name] for name in ("salt", "payload")}
    with pytest.raises(ProofFailedError, match=RUNS[0]):
        verify(first | payload)
    nothing = {"salt": None, "payload": None}
    with pytest.raises(ProofFailedError, match=f"the payload of {ERASED}, not of {RUNS[0]}"):
        verify(first | nothing | {"erasure": erased["erasure"]})
    with pytest.raises(ProofFormatError):
        verify(first | nothing)
    with pytest.raises(ProofFailedError, match="kind"):
        verify(first | nothing | {"erasure": {name: first[name] for name in ("entry", "leaf_index", "path")}})
    with pytest.raises(ProofFailedError, match="kind"):
        verify(first | {name: erased["erasure"][name] for name in ("entry", "leaf_index", "path")})


def shifted(proof: dict[str, Any]) -> dict[str, Any]:
    """The proof with a byte of the payload in the salt, which gives the same commitment."""
    salt = f"{proof['salt']}{ord(proof['payload'][0]):02x}"
    return proof | {"salt": salt, "payload": proof["payload"][1:]}


def test_the_salt_ends_where_it_does() -> None:
    with pytest.raises(ProofFormatError, match="a salt has 32 bytes"):
        verify(shifted(document(RUNS[0])))


def test_a_rewritten_log_fails_by_its_signature() -> None:
    forged = SealedLog()
    forged.add_run(RUNS[0], "Paid four invoices", "{}")
    text = forged.proof(RUNS[0]).to_json()
    honest = str(LOG.checkpoint(1))
    with pytest.raises(ProofFailedError, match="another"):
        verify(json.loads(text) | {"checkpoint": honest})


@pytest.mark.parametrize("text", ["", "null", "[]", "[" * 100_000, "{", '{"v":1}', "\ud800"])
def test_what_is_no_document_is_refused(text: str) -> None:
    for form in (RunProof, ConsistencyProof):
        with pytest.raises(ProofFormatError):
            form.parse(text)


def checkpoint(size: int, log: SealedLog = LOG) -> Checkpoint:
    return Checkpoint.parse(log.checkpoint(size).text)


def test_a_log_is_proved_to_continue_another() -> None:
    for old, new in ((0, 11), (3, 11), (4, 8), (7, 7)):
        text = LOG.consistency(old, new).to_json()
        ConsistencyProof.parse(text).verify(checkpoint(old), checkpoint(new))


def test_a_fork_and_proofs_of_other_sizes_fail() -> None:
    fork = example_log()
    fork.entries[2] = fork.entries[1]
    for old, new in ((checkpoint(3, fork), checkpoint(11)), (checkpoint(3), checkpoint(11, fork))):
        with pytest.raises(ProofFailedError):
            LOG.consistency(3, 11).verify(old, new)
    with pytest.raises(ProofFailedError, match="other checkpoints"):
        LOG.consistency(3, 11).verify(checkpoint(3), checkpoint(10))
    elsewhere = Checkpoint("else.example", 3, checkpoint(3).root)
    with pytest.raises(ProofFailedError, match="other checkpoints"):
        LOG.consistency(3, 11).verify(elsewhere, checkpoint(11))
    with pytest.raises(ProofRangeError):
        ConsistencyProof(11, 3, ()).verify(checkpoint(11), checkpoint(3))
