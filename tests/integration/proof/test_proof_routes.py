"""Proofs by HTTP, verified by the script that needs none of our code."""

import subprocess
import sys
from pathlib import Path

import asyncpg
import httpx
import pytest

from app.config import get_settings
from app.proof.keys import read_signing_keys
from app.proof.verify import verify
from app.services.agent_run_log_service import write_run_log
from app.tasks.seal_tasks import seal

pytestmark = pytest.mark.anyio

SCRIPT = Path(__file__).parents[3] / "scripts" / "verify-proof.py"
RUNS = "/api/v1/internal/agent-run-log"


async def _seal() -> None:
    await seal(get_settings(), at_once=True)


def _verify_offline(tmp_path: Path, *documents: str) -> subprocess.CompletedProcess[str]:
    proofs, keys = tmp_path / "proofs.jsonl", tmp_path / "keys"
    proofs.write_text("".join(f"{document}\n" for document in documents))
    signing = read_signing_keys(get_settings().signing_keys_path)
    keys.write_text("".join(f"{key.verifier}\n" for key in signing))
    return subprocess.run(
        [sys.executable, "-I", SCRIPT, proofs, "--keys", keys],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )


async def test_a_proof_holds_without_our_code(api: httpx.AsyncClient, tmp_path: Path) -> None:
    ids = [await write_run_log("sage", {"n": n, "text": "Grüße 🎉", "x": 1e5}) for n in range(300)]
    await _seal()
    documents = [(await api.get(f"{RUNS}/{id_}/proof")).text for id_ in (ids[0], ids[257], ids[299])]
    verified = _verify_offline(tmp_path, *documents)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    altered = documents[0].replace("success", "failed")
    assert _verify_offline(tmp_path, altered).returncode == 1


async def test_a_run_without_a_checkpoint_has_no_proof_yet(api: httpx.AsyncClient) -> None:
    run_id = await write_run_log("sage", {"n": 1})
    answer = await api.get(f"{RUNS}/{run_id}/proof")
    assert (answer.status_code, "not under a signed checkpoint yet" in answer.text) == (404, True)
    assert (await api.get("/api/v1/public/log/checkpoint")).status_code == 404


async def test_checkpoints_are_consistent(api: httpx.AsyncClient) -> None:
    await write_run_log("sage", {"n": 1})
    await _seal()
    old = (await api.get("/api/v1/public/log/checkpoint")).text.split("\n")[1]
    await write_run_log("sage", {"n": 2})
    await _seal()
    new = (await api.get("/api/v1/public/log/checkpoint")).text.split("\n")[1]
    consistency = "/api/v1/public/log/consistency"
    answer = await api.get(consistency, params={"from_size": old, "to_size": new})
    assert answer.json()["path"]
    assert (await api.get(consistency, params={"from_size": new, "to_size": old})).status_code == 404


async def test_an_erased_payload_is_gone_and_the_proof_holds(
    api: httpx.AsyncClient, db: asyncpg.Connection, database: str, tmp_path: Path
) -> None:
    run_id = await write_run_log("sage", {"summary": "Called Mrs Jones", "phone": "+49 815 4711"})
    erasure = {"by": "ada", "reason": "asked for"}
    assert (await api.post(f"{RUNS}/{run_id}/erasure", json=erasure)).status_code == 409
    await _seal()
    assert (await api.post(f"{RUNS}/{run_id}/erasure", json=erasure)).status_code == 204
    assert (await api.post(f"{RUNS}/{run_id}/erasure", json=erasure)).status_code == 204
    await _seal()
    run = (await api.get(f"{RUNS}/{run_id}")).json()
    assert (run["actions_taken"], run["action_summary"]) == (None, None)
    everything = [
        row["row"]
        for (table,) in await db.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for row in await db.fetch(f"SELECT t::text AS row FROM {table} AS t")  # noqa: S608
    ]
    assert not [row for row in everything if "815 4711" in row or "Jones" in row]
    document = (await api.get(f"{RUNS}/{run_id}/proof")).text
    verified = _verify_offline(tmp_path, document)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert "asked for" in document
    assert (await verify(database, processes=1, since=[], progress=lambda *_: None)).problems == []


async def test_no_later_report_brings_an_erased_payload_back(api: httpx.AsyncClient) -> None:
    report = {"agent_id": "sage", "status": "success", "run_key": "k"}
    await api.post(RUNS, json=report | {"actions_taken": {"phone": "+49 815 4711"}})
    run_id = (await api.get(RUNS)).json()["runs"][0]["id"]
    await _seal()
    await api.post(f"{RUNS}/{run_id}/erasure", json={"by": "ada", "reason": "asked for"})
    later = report | {"source": "cron", "actions_taken": {"phone": "+49 815 4711"}}
    assert (await api.post(RUNS, json=later)).status_code == 204
    assert (await api.get(f"{RUNS}/{run_id}")).json()["actions_taken"] is None


async def test_the_lag_of_sealing_is_shown(api: httpx.AsyncClient) -> None:
    await write_run_log("sage", {"n": 1})
    waiting = (await api.get("/metrics")).text
    assert "runlog_seal_leaves 0.0" in waiting
    assert "runlog_search_unindexed_leaves 0.0" in waiting
    assert "runlog_seal_lag_seconds 0.0\n" not in waiting
    await _seal()
    assert "runlog_seal_lag_seconds 0.0\n" in (await api.get("/metrics")).text


async def test_the_public_face_shows_no_proof_of_a_run(database: str) -> None:
    assert not [route for route in _public_paths() if "proof" in route or "erasure" in route]


def _public_paths() -> list[str]:
    from app.main import PUBLIC

    return [getattr(route, "path", "") for router in PUBLIC for route in router.routes]
