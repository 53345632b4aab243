"""Exports for an auditor: every run of the log with its proof, verified offline."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from app.config import get_settings
from app.db.session import close_database, transaction
from app.proof.erasure import erase_payload
from app.proof.keys import read_signing_keys
from app.services.agent_run_log_service import write_run_log
from app.tasks.seal_tasks import seal
from support.processes import called, called_within
from support.scripts import load_script

SCRIPT = Path(__file__).parents[3] / "scripts" / "verify-proof.py"


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    async def closing() -> Any:
        try:
            return await work
        finally:
            await close_database()

    return asyncio.run(closing())


async def _fill() -> None:
    """1,300 runs of two agents, one of them with a payload that fills a page; all sealed, and one erased."""
    large = {"text": "".join(map(str, range(80_000)))}
    ids = await asyncio.gather(
        *(
            write_run_log("nova" if n % 10 else "sage", {"n": n} | (large if n == 10 else {}))
            for n in range(1300)
        )
    )
    await seal(get_settings(), at_once=True)
    async with transaction() as session:
        await erase_payload(session, ids[1], by="ada", reason="asked for")


def _exported(out: Path, *options: str) -> tuple[list[str], str]:
    done = called("export", "proofs", "--out", out, *options)
    assert done.returncode == 0, done.stderr
    return out.read_text("utf-8").splitlines(), done.stderr


def _verified(file: Path) -> subprocess.CompletedProcess[str]:
    keys = [str(key.verifier) for key in read_signing_keys(get_settings().signing_keys_path)]
    arguments = [argument for key in keys for argument in ("--key", key)]
    program = load_script(SCRIPT).main
    return called_within(lambda: sys.exit(program()), "verify-proof.py", str(file), *arguments, env={})


def test_an_export_is_verified_offline_and_a_changed_byte_is_named(database: str, tmp_path: Path) -> None:
    refused = called("export", "proofs")
    assert (refused.returncode, "no signed checkpoint yet" in refused.stderr) == (1, True)
    _run(_fill())
    out = tmp_path / "proofs.jsonl"
    lines, said = _exported(out)
    assert (len(lines), "without 1 run, merged or erased since" in said) == (1299, True)
    _run(seal(get_settings(), at_once=True))
    lines, said = _exported(out)
    assert (len(lines), "without" in said) == (1300, False)
    assert len({json.loads(line)["checkpoint"] for line in lines}) == 1
    done = _verified(out)
    assert (done.returncode, "1300 proved, of which 1 erased; 0 not proved" in done.stdout) == (0, True)

    for number, was, now in (
        (0, b'"v"', b'"w"'),
        (5, b"actions_taken", b"actions_t\xffken"),
        (1299, b"success", b"succesz"),
    ):
        changed = [line.encode() for line in lines]
        changed[number] = changed[number].replace(was, now, 1)
        out.write_bytes(b"\n".join(changed))
        done = _verified(out)
        named = [line for line in done.stdout.splitlines() if f"line {number + 1}" in line]
        assert (done.returncode, len(named), "1299 proved" in done.stdout) == (1, 1, True), done.stdout


def test_an_export_of_an_agent_or_a_time_has_its_runs_alone(database: str, tmp_path: Path) -> None:
    _run(_fill())
    out = tmp_path / "proofs.jsonl"
    assert len(_exported(out, "--agent", "sage")[0]) == 130
    assert len(_exported(out, "--since", "1h", "--agent", "sage")[0]) == 130
    assert _exported(out, "--until", "1h")[0] == []
