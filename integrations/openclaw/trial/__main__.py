"""Run every case in every way, print what the log made of it, and exit with 1 where that is not as expected.

The gateway is a real one from npm, the model is ours, the log is `runlog up` with a directory of its own.
"""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any

import httpx
from platformdirs import user_cache_path
from rich.console import Console
from rich.table import Table

from trial.backend import TOKEN, Backend, running_backend
from trial.cases import CASES, HEARTBEAT, WAYS, Case, Expected, Way
from trial.gateway import PLUGIN_ID, Gateway, Installation, install, running
from trial.stub_model import MODEL, StubModel, serving_model

PLUGIN = Path(__file__).resolve().parents[1]
JOB_SECONDS = (5, 20, 80)  # from adding a job to its run, where a busy gateway takes longer to add it
RUN_SECONDS = 600
SETTLE_SECONDS = 90  # the gateway's webhook follows the end of the run, and its word may wait for a pause


def main() -> int:
    """Install, try all ways one after the other, and print the table."""
    parser = argparse.ArgumentParser(prog="scripts/try-openclaw", description=__doc__)
    cache = user_cache_path("agent-run-log") / "openclaw"
    parser.add_argument("--cache", type=Path, default=cache, help="where node and openclaw are installed")
    parser.add_argument("--way", choices=WAYS, action="append", help="this way alone; may be repeated")
    arguments = parser.parse_args()
    console = Console(stderr=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # ends what runs, as Ctrl-C does
    try:
        console.print(f"installing node and openclaw from npm into {arguments.cache}, unless they are there")
        installation = install(arguments.cache.absolute())
    except (CalledProcessError, FileNotFoundError) as error:
        console.print(f"npm cannot install them: {error}")
        return 1
    directory = Path(tempfile.mkdtemp(prefix="try-openclaw-"))
    console.print(f"logs are in {directory}")
    table = Table("case", "way", "rows", "status", "sources", "as expected")
    is_right = True
    with serving_model() as model, running_backend(directory) as backend:
        for way in arguments.way or WAYS:
            console.print(f"trying {way}")
            try:
                _try(way, installation, directory / way, model, backend)
            except (RuntimeError, httpx.HTTPError) as error:
                console.print(f"{way}: {error}")
                is_right = False
            for case in (*CASES, HEARTBEAT):
                is_right &= _judge(case, way, backend, table)
    Console(width=120).print(table)
    return 0 if is_right else 1


def _try(way: Way, installation: Installation, home: Path, model: StubModel, backend: Backend) -> None:
    """Have the one run of each case in a gateway.

    1. Start a gateway with an agent for each case, and run the jobs one after the other.
    2. When the heart has beaten too, run the job that hangs, kill the gateway during it, and start it again.
    3. Wait until the log has what is expected.
    """
    gateway = Gateway(installation, home, _config(way, model, backend))
    with running(gateway):
        for case in CASES:
            if not case.is_killed:
                _run(gateway, case, way, backend)
        _until(lambda: _heart_has_beaten(gateway), RUN_SECONDS, "a heartbeat")
        hanging = model.hanging
        killed = [_add(gateway, case, way, backend) for case in CASES if case.is_killed]
        _until(lambda: model.hanging == hanging + len(killed), RUN_SECONDS, "a run to hang")
        gateway.kill()
        gateway.start()
        _until(lambda: _have_run(gateway, killed), RUN_SECONDS, "the killed run to be known as such")
        deadline = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < deadline and not all(_is_right(case, way, backend) for case in CASES):
            time.sleep(2)


def _config(way: Way, model: StubModel, backend: Backend) -> dict[str, Any]:
    cost = {"input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0}
    stub = {
        "id": MODEL,
        "name": "Stub",
        "reasoning": False,
        "input": ["text"],
        "cost": cost,
        "contextWindow": 128_000,
        "maxTokens": 4_096,
    }
    provider = {"baseUrl": model.url, "apiKey": "stub-local", "api": "openai-completions", "models": [stub]}
    agents = {case.agent(way): {} for case in (HEARTBEAT, *CASES)}
    own = {"agentId": HEARTBEAT.agent(way)}
    defaults = {
        "model": {"primary": f"stub/{MODEL}"},
        "systemAgent": own,
        "heartbeat": {"every": "1m", **own},
    }
    config: dict[str, Any] = {
        "models": {"mode": "merge", "providers": {"stub": provider}},
        "agents": {"defaults": defaults, "entries": agents},
        "cron": {"webhookToken": TOKEN, "webhookSsrfPolicy": {"allowedHostnames": ["127.0.0.1"]}},
    }
    if way != "webhook":
        entry = {"enabled": True, "config": {"url": backend.url, "token": TOKEN}}
        config["plugins"] = {"load": {"paths": [str(PLUGIN)]}, "entries": {PLUGIN_ID: entry}}
    return config


def _add(gateway: Gateway, case: Case, way: Way, backend: Backend) -> str:
    """Add the case's job, which comes in some seconds, and return its id."""
    for seconds in JOB_SECONDS:
        first_ms = int((time.time() + seconds) * 1_000)
        job = gateway.call("cron.add", case.job(way, backend.url, first_ms))
        if job["state"]["nextRunAtMs"] == first_ms:
            return str(job["id"])
        gateway.call("cron.remove", {"id": job["id"]})  # that moment was over: it would come in a day
    raise RuntimeError("the gateway is too busy to add a job")


def _run(gateway: Gateway, case: Case, way: Way, backend: Backend) -> None:
    job_id = _add(gateway, case, way, backend)
    _until(lambda: _have_run(gateway, [job_id]), RUN_SECONDS, f"the run of {case.name} to end")
    # OpenClaw runs a job that timed out again.
    gateway.call("cron.update", {"id": job_id, "patch": {"enabled": False}})


def _have_run(gateway: Gateway, ids: list[str]) -> bool:
    states = {job["id"]: job.get("state", {}) for job in gateway.jobs()}
    return all("lastRunAtMs" in states[each] and "runningAtMs" not in states[each] for each in ids)


def _heart_has_beaten(gateway: Gateway) -> bool:
    beats = [job for job in gateway.jobs() if job["payload"]["kind"] == "heartbeat"]
    return any("lastRunAtMs" in job.get("state", {}) for job in beats)


def _until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"waited in vain for {what}")
        time.sleep(1)


def _is_right(case: Case, way: Way, backend: Backend) -> bool:
    return not _differences(case.expected[way], backend.rows(case.agent(way)))


def _judge(case: Case, way: Way, backend: Backend, table: Table) -> bool:
    """Add the case's line to the table; whether its rows are as expected."""
    rows = backend.rows(case.agent(way))
    wrong = _differences(case.expected[way], rows)
    words = ", ".join(wrong) or f"yes{': ' + case.why[way] if way in case.why else ''}"
    statuses, sources = ", ".join(row["status"] for row in rows), ", ".join(sorted(_sources(rows)))
    table.add_row(case.name, way, str(len(rows)), statuses, sources, words)
    return not wrong


def _differences(expected: Expected, rows: list[dict[str, Any]]) -> list[str]:
    """What is not as expected, in words."""
    statuses = [row["status"] for row in rows]
    if statuses != list(expected.statuses):
        return [f"expected {len(expected.statuses)} rows: {', '.join(expected.statuses) or 'none'}"]
    if not rows:
        return []
    newest, wrong = rows[0], []
    actions = newest["actions_taken"] or {}
    if expected.summary is not None and newest["action_summary"] != expected.summary:
        wrong.append(f"the summary is {newest['action_summary']!r}")
    if expected.silent is not None and (newest["consecutive_silence_count"] > 0) != expected.silent:
        wrong.append(f"it counts as {'silent' if newest['consecutive_silence_count'] else 'not silent'}")
    if expected.has_failed_tools != bool(actions.get("tool_failures")):
        wrong.append("the failed tool is missing" if expected.has_failed_tools else "a tool failed")
    if expected.sources is not None and _sources(rows) != expected.sources:
        wrong.append(f"expected sources {', '.join(sorted(expected.sources))}")
    return wrong


def _sources(rows: list[dict[str, Any]]) -> frozenset[str]:
    """Who has said anything of these runs; a run of its agent alone names none."""
    return frozenset(said["source"] for row in rows for said in row["sources"] or [{"source": "agent"}])


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (httpx.HTTPError, RuntimeError) as error:
        sys.exit(f"scripts/try-openclaw: {error}")
