"""What a large fleet costs: cycles of the Auditor, lists of agents, ingest, by the number of agents.

    .venv/bin/python benchmarks/agents.py [--agents 10000 100000] [--runs 40] [--rounds 4]
        [--postgres shared_buffers=512MB] [--json]

The agents report every few minutes to every month, up to a quarter of the time between late. A third of them
report once a day or more seldom, some of these ten times in a row, and have been quiet for hours; a hundredth
are in trouble: they fail, or have stopped. Everything runs on an embedded PostgreSQL
with its stock settings, but for those that are given.

1. The cycle of a process on a database of which nothing is known yet ("first"); those after it, before each
   of which a sixth of the agents report; and the first of another process ("restarted"). With
   the most memory that the process took.
2. The time in which the server makes lists and pages: the first time, and at the median of the others.
3. Reports of all agents, recorded as fast as they are answered, in turn with those of a fleet of 50 that has
   a server and a database of its own.

CPU is that of the process and of PostgreSQL together, for machines that are busy with other things; a
list that could not be made in time has its first time alone.
"""

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from statistics import median

import asyncpg
import httpx
import psutil
from harness import RUNLOG, Figures, Servers, load, machine, postgres_tool, running, servers, table

from app.audit.cycle import audit
from app.config import get_settings
from app.db.session import transaction
from app.embedded.ports import free_port
from app.schema.sync import sync_schema
from app.wiring import audit_settings

CYCLE_COLUMNS = {
    "first s": ".2f",
    "first CPU s": ".2f",
    "p50 s": ".2f",
    "CPU s": ".2f",
    "restarted s": ".2f",
    "memory MB": ".0f",
    "findings": ".0f",
}
PAGE_COLUMNS = {"first ms": ".0f", "p50 ms": ".1f", "CPU ms": ".1f", "kB": ".1f", "memory MB": ".0f"}
INGEST_COLUMNS = {"runs/s": ".0f", "of 50 agents": ".2f", "CPU ms a run": ".3f", "CPU of 50 agents": ".2f"}
COLUMNS = {"cycles": CYCLE_COLUMNS, "ingest": INGEST_COLUMNS}
PAGES = (
    *("/", "/agents", "/agents?q=agent-77", "/agents/agent-77", "/api/v1/public/platform/intelligence"),
    *("/api/v1/internal/agents?limit=100", "/api/v1/internal/quality", "/metrics"),
)
FEW = 50  # agents: a fleet of the usual size
CLIENTS, INGEST_SECONDS = 32, 5.0
WARM_UP_SECONDS = 10.0  # after which the pages of 100,000 agents are in memory, and have been written once
CHUNK = 5_000  # agents
FILL = """
    INSERT INTO agent_run_log
        (agent_id, status, action_summary, actions_taken, run_at, created_at, rlhf_scores)
    SELECT 'agent-' || agent, CASE WHEN agent % 200 = 1 AND n < 4 THEN 'failed' ELSE 'success' END,
        'Synchronised the invoices of module ' || n,
        jsonb_build_object('summary', 'Synchronised the invoices of module ' || n, 'synchronised', n), at, at,
        jsonb_build_object('overall', 0.7 + n % 5 / 50.0, 'scorer', 'rubric', 'version', '2')
    FROM generate_series($1::int, $2::int) AS agent,
        LATERAL (SELECT CASE
            WHEN agent % 3 = 0 THEN (ARRAY[86400, 604800, 2592000])[1 + agent / 3 % 3]
            ELSE (ARRAY[300, 600, 900, 1800, 3600, 7200, 14400, 21600])[1 + agent % 8] END::bigint AS period
        ) AS cadence,
        LATERAL (SELECT greatest(CASE WHEN agent % 3 = 0 THEN 10800 ELSE 0 END,
            period * (agent * 7919 % 1000 / 1250.0))
            + CASE WHEN agent % 200 = 101 THEN 30 * period ELSE 0 END AS quiet) AS newest,
        generate_series(0, $3 - 1) AS n,
        LATERAL (SELECT CASE WHEN agent % 9 = 0 THEN n / 10 * period + n % 10 * 600
            ELSE n * period + abs(hashint4(agent * 64 + n)) % 1000 / 4000.0 * period END AS before
        ) AS earlier,
        LATERAL (SELECT now() - interval '1 second' * (quiet + before) AS at) AS moment
"""
TAKE = """
    INSERT INTO agent_run_usage (run_id, agent_id, created_at, seconds, tokens, cost_usd)
    SELECT id, agent_id, created_at, 200 + abs(hashtext(id::text)) % 200, 4000, 0.02
    FROM agent_run_log WHERE hashtext(agent_id) % 2 = 0
"""
# A sixth of the fleet, each time another one.
REPORT = """
    INSERT INTO agent_run_log (agent_id, action_summary, actions_taken, rlhf_scores)
    SELECT 'agent-' || agent, 'Synchronised the invoices', '{"summary": "Synchronised the invoices"}',
        '{"overall": 0.72, "scorer": "rubric", "version": "2"}'
    FROM generate_series(1, $1::int) AS agent
    WHERE agent % 3 > 0 AND agent % 200 <> 101 AND agent / 24 % 4 = $2 % 4
"""


async def fill(url: str, agents: int, runs: int) -> None:
    """A log of so many agents, `runs` of each, and all that is derived from it."""
    await sync_schema(url)
    db = await asyncpg.connect(url)
    await db.execute("ALTER TABLE agent_run_log DISABLE TRIGGER USER")
    for start in range(1, agents + 1, CHUNK):
        await db.execute(FILL, start, min(start + CHUNK - 1, agents), runs, timeout=900)
    await db.execute(TAKE, timeout=900)
    await sync_schema(url)
    await db.execute("VACUUM ANALYZE", timeout=3600)
    await db.close()


def cpu_seconds(*processes: psutil.Process) -> float:
    """What these processes and their children took of the processors so far, those included that ended."""
    found = 0.0
    for process in processes:
        times = [each.cpu_times() for each in (process, *process.children(recursive=True))]
        found += sum(each.user + each.system for each in times)
        found += times[0].children_user + times[0].children_system
    return found


async def cycles(agents: int, rounds: int, postgres_pid: int) -> Figures:
    """Cycles of this process in turn, with reports between them."""
    both = psutil.Process(), psutil.Process(postgres_pid)
    db = await asyncpg.connect(os.environ["DATABASE_URL"])
    took, cpu, findings = [], [], 0
    for number in range(rounds + 1):
        if number:
            await db.execute(REPORT, agents, number, timeout=600)
        began, before = time.perf_counter(), cpu_seconds(*both)
        async with transaction() as session:
            findings = len((await audit(session, audit_settings(get_settings()))).open)
        took.append(time.perf_counter() - began)
        cpu.append(cpu_seconds(*both) - before)
    await db.close()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    figures = {"first s": took[0], "first CPU s": cpu[0], "memory MB": memory, "findings": findings}
    return figures | ({"p50 s": median(took[1:]), "CPU s": median(cpu[1:])} if rounds else {})


def in_a_new_process(found: Servers, name: str, agents: int, rounds: int) -> Figures:
    """`cycles` in a process of its own."""
    env = {**os.environ, **found.env, "DATABASE_URL": found.database(name)}
    command = [sys.executable, __file__, "--cycles", str(found.postgres_pid)]
    command += ["--agents", str(agents), "--rounds", str(rounds)]
    done = subprocess.run(command, env=env, check=True, capture_output=True, text=True)
    figures: Figures = json.loads(done.stdout)
    return figures


def pages(found: Servers, name: str, rounds: int) -> dict[str, Figures]:
    """What each page costs, made by one server after the other."""
    port = free_port()
    env = {**found.env, "DATABASE_URL": found.database(name), "RUNLOG_LOG_LEVEL": "warning"}
    figures = {}
    with running([*RUNLOG, "serve", "--port", str(port)], env, port) as process:
        server = psutil.Process(process.pid)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:
            for path in PAGES:
                figures[path] = _page(client, path, rounds, server, psutil.Process(found.postgres_pid))
    return figures


def _page(client: httpx.Client, path: str, rounds: int, *processes: psutil.Process) -> Figures:
    took = []
    before = 0.0
    for number in range(rounds + 1):
        began = time.perf_counter()
        answer = client.get(path)
        took.append(1000 * (time.perf_counter() - began))
        if number == 0:
            before = cpu_seconds(*processes)
        if answer.is_error:
            return {"first ms": took[0]}
    return {
        "first ms": took[0],
        "p50 ms": median(took[1:]),
        "CPU ms": 1000 * (cpu_seconds(*processes) - before) / rounds,
        "kB": len(answer.content) / 1000,
        "memory MB": processes[0].memory_info().rss / 1024**2,
    }


def ingest(found: Servers, sizes: Sequence[int], rounds: int) -> dict[str, Figures]:
    """What recording costs with each number of agents; the ratios are those of each round."""
    rounds_of: dict[int, list[Figures]] = defaultdict(list)
    with ExitStack() as stack:
        recording = {agents: stack.enter_context(_recording(found, agents)) for agents in (FEW, *sizes)}
        for _ in range(rounds):
            for agents, record in recording.items():
                rounds_of[agents].append(record())
    return {
        f"{agents:,} agents": {
            **{name: median(each[name] for each in figures) for name in figures[0]},
            "of 50 agents": _ratio(figures, rounds_of[FEW], "runs/s"),
            "CPU of 50 agents": _ratio(figures, rounds_of[FEW], "CPU ms a run"),
        }
        for agents, figures in rounds_of.items()
    }


@contextmanager
def _recording(found: Servers, agents: int) -> Iterator[Callable[[], Figures]]:
    """A server on the database of so many agents: what sends it reports of all of them for some seconds."""
    port = free_port()
    env = {**found.env, "DATABASE_URL": found.database(f"fleet_{agents}"), "RUNLOG_LOG_LEVEL": "warning"}
    with running([*RUNLOG, "serve", "--port", str(port)], env, port) as process:
        both = psutil.Process(process.pid), psutil.Process(found.postgres_pid)
        load(port, CLIENTS, WARM_UP_SECONDS, agents=agents)

        def record() -> Figures:
            before = cpu_seconds(*both)
            figures = load(port, CLIENTS, INGEST_SECONDS, agents=agents)
            cpu = 1000 * (cpu_seconds(*both) - before) / figures["sent"]
            return {"runs/s": figures["rate"], "CPU ms a run": cpu}

        yield record


def _ratio(figures: Sequence[Figures], yardstick: Sequence[Figures], name: str) -> float:
    return median(each[name] / other[name] for each, other in zip(figures, yardstick, strict=True))


def measure(sizes: list[int], runs: int, rounds: int, **settings: str) -> dict[str, dict[str, Figures]]:
    """The figures of cycles, of pages by the number of agents, and of ingest; `settings` are PostgreSQL's."""
    of_cycles: dict[str, Figures] = {}
    found_pages: dict[str, dict[str, Figures]] = {}
    with servers(**settings) as found:
        for agents in (FEW, *sizes):
            name, title = f"fleet_{agents}", f"{agents:,} agents"
            postgres_tool("psql", found.env["DATABASE_URL"], "-qc", f"CREATE DATABASE {name}")
            asyncio.run(fill(found.database(name), agents, runs))
            if agents == FEW:
                continue
            of_cycles[title] = in_a_new_process(found, name, agents, rounds)
            restarted = in_a_new_process(found, name, agents, 0)
            of_cycles[title]["restarted s"] = restarted["first s"]
            found_pages[title] = pages(found, name, 4 * rounds)
        of_ingest = ingest(found, sizes, rounds)
    return {"cycles": of_cycles, **found_pages, "ingest": of_ingest}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--agents", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--runs", type=int, default=40, help="of each agent")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument(
        "--postgres", action="append", default=[], metavar="NAME=VALUE", help="a setting of PostgreSQL"
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--cycles", type=int, help=argparse.SUPPRESS)  # PostgreSQL's process
    options = parser.parse_args()
    if options.cycles:
        print(json.dumps(asyncio.run(cycles(options.agents[0], options.rounds, options.cycles))))
        return
    settings = dict(each.split("=", 1) for each in options.postgres)
    figures = measure(options.agents, options.runs, options.rounds, **settings)
    if options.json:
        print(json.dumps({"machine": machine(), **figures}))
    else:
        for title, part in figures.items():
            print(title, table(part, COLUMNS.get(title, PAGE_COLUMNS)), "", sep="\n")


if __name__ == "__main__":
    main()
