"""The published vectors: made by the product, by a second implementation, and by the commands of the page."""

import base64
import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from app.proof.domain import merkle
from app.proof.domain.proofs import ConsistencyProof, RunProof
from support import naive_merkle
from support.sealed_log import ERASED, KEY, RUNS, example_log

REFERENCE = Path(__file__).resolve().parents[3] / "docs" / "reference"
VECTORS: dict[str, Any] = json.loads((REFERENCE / "proof-vectors.json").read_text(encoding="utf-8"))
ENTRIES = [text.encode() for text in VECTORS["entries"]]


def made() -> dict[str, Any]:
    """The vectors as the product makes them."""
    log = example_log()
    size = len(log.entries)
    return {
        "signing_key": KEY.private_text(),
        "verifier_key": str(KEY.verifier),
        "entries": [entry.decode() for entry in log.entries],
        "leaf_hashes": [merkle.leaf_hash(entry).hex() for entry in log.entries],
        "roots": [merkle.root_of(map(merkle.leaf_hash, log.entries[:n])).hex() for n in range(size + 1)],
        "payloads": [
            {"run": id_, "salt": payload.salt.hex(), "payload": payload.content.decode()}
            for id_, payload in log.payloads.items()
        ],
        "checkpoints": {str(n): str(log.checkpoint(n)) for n in (3, size)},
        "proof": json.loads(log.proof(RUNS[0]).to_json()),
        "proof_of_erased": json.loads(log.proof(ERASED).to_json()),
        "consistency": json.loads(log.consistency(3, size).to_json()),
    }


def test_the_product_makes_the_published_vectors() -> None:
    assert made() == VECTORS


def test_a_second_implementation_makes_the_same_hashes() -> None:
    roots = [naive_merkle.root(ENTRIES[:size]).hex() for size in range(len(ENTRIES) + 1)]
    assert roots == VECTORS["roots"]
    assert [naive_merkle.root([entry]).hex() for entry in ENTRIES] == VECTORS["leaf_hashes"]
    for proof in (VECTORS["proof"], VECTORS["proof_of_erased"], VECTORS["proof_of_erased"]["erasure"]):
        assert proof["entry"].encode() == ENTRIES[proof["leaf_index"]]
        path = naive_merkle.inclusion(proof["leaf_index"], ENTRIES)
        assert [each.hex() for each in path] == proof["path"]
    path = naive_merkle.consistency(3, ENTRIES)
    assert [each.hex() for each in path] == VECTORS["consistency"]["path"]


def test_commitments_and_checkpoints_are_plain_sha_256_and_base64() -> None:
    runs = {entry["id"]: entry for entry in map(json.loads, VECTORS["entries"]) if entry["kind"] == "run"}
    for each in VECTORS["payloads"]:
        content = bytes.fromhex(each["salt"]) + each["payload"].encode()
        assert hashlib.sha256(content).hexdigest() == runs[each["run"]]["payload"]
    for size, note in VECTORS["checkpoints"].items():
        root = base64.b64encode(bytes.fromhex(VECTORS["roots"][int(size)])).decode()
        assert note.startswith(f"runlog.example/log\n{size}\n{root}\n\n— runlog.example/log ")


def test_the_published_documents_are_proved() -> None:
    for name in ("proof", "proof_of_erased"):
        RunProof.parse(json.dumps(VECTORS[name])).verify([KEY.verifier])
    assert ConsistencyProof.parse(json.dumps(VECTORS["consistency"])).from_size == 3


TOOLS = ("bash", "openssl", "sha256sum", "xxd", "base64")


@pytest.mark.skipif(not all(map(shutil.which, TOOLS)), reason=f"needs {', '.join(TOOLS)}")
def test_the_commands_of_the_page_verify_the_published_proof(tmp_path: Path) -> None:
    page = (REFERENCE / "proof-format.md").read_text(encoding="utf-8")
    (commands,) = re.findall(r"```sh\n(# By hand.*?)```", page, re.DOTALL)
    proof = VECTORS["proof"]
    wanted = (proof["entry"], proof["payload"], proof["salt"], *proof["path"])
    assert [each for each in wanted if each not in commands] == []
    done = subprocess.run(
        ["bash", "-euo", "pipefail"],
        input=commands,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    entry = json.loads(proof["entry"])
    root = proof["checkpoint"].split("\n")[2]
    commitment, leaf, shown_root, verdict = done.stdout.splitlines()
    assert (commitment, leaf) == (entry["payload"], VECTORS["leaf_hashes"][proof["leaf_index"]])
    assert (shown_root, verdict) == (root, "Signature Verified Successfully")
