"""A live audit cycle by the number of agents, each with fifty runs; a hundredth of them are in trouble.

Their runs report what they took.

    .venv/bin/python benchmarks/cycle.py [--agents 10000] [--rounds 5] [--json]

Everything runs on an embedded PostgreSQL with its stock settings. "First" is the cycle of a new process,
which remembers nothing yet.
"""

import argparse
import asyncio
import json
import os
import time
from statistics import median

import asyncpg
from harness import Figures, machine, servers, table

from app.audit.cycle import audit
from app.config import get_settings
from app.db.session import transaction
from app.wiring import audit_settings

COLUMNS = {"first s": ".2f", "median s": ".2f", "findings": ".0f"}
FILL = """
    INSERT INTO agent_run_log
        (agent_id, status, action_summary, actions_taken, run_at, created_at, rlhf_scores)
    SELECT 'agent-' || agent, CASE WHEN agent % 200 = 0 AND n < 4 THEN 'failed' ELSE 'success' END,
        'Synchronised the invoices of the day', '{"summary": "Synchronised the invoices of the day"}', at, at,
        jsonb_build_object('overall', 0.7 + n % 5 / 50.0)
    FROM generate_series(1, $1) AS agent, generate_series(0, 49) AS n,
        LATERAL (SELECT now() - interval '1 hour' * (n + agent % 59 / 60.0)
            - CASE WHEN agent % 200 = 100 THEN interval '4 hours' ELSE '0' END AS at) AS t
"""
TAKE = """
    INSERT INTO agent_run_usage (run_id, agent_id, created_at, seconds, tokens, cost_usd)
    SELECT id, agent_id, created_at, seconds, 10 * seconds, seconds / 1000
    FROM agent_run_log, LATERAL (
        -- Log-normal, sigma 0.5: six uniform numbers add up to a deviation of the square root of a half. The
        -- agent's id has them drawn for each run.
        SELECT 300 * exp(0.71 * (random() + random() + random() + random() + random() + random()
            + 0 * length(agent_id) - 3)) AS seconds
    ) AS taken
"""
DECLARE = """
    INSERT INTO agent (agent_id, schedule, timezone)
    SELECT agent_id, extract(minute FROM max(created_at)) || ' * * * *', 'Europe/Berlin'
    FROM agent_run_log GROUP BY agent_id
"""


async def cycles(rounds: int) -> Figures:
    """Seconds of audit cycles in turn."""
    took, findings = [], 0
    for _ in range(rounds + 1):
        started = time.perf_counter()
        async with transaction() as session:
            findings = len((await audit(session, audit_settings(get_settings()))).open)
        took.append(time.perf_counter() - started)
    return {"first s": took[0], "median s": median(took[1:]), "findings": findings}


async def measure(url: str, agents: int, rounds: int) -> dict[str, Figures]:
    """The same fleet, first with learned cadences and then with declared schedules."""
    db = await asyncpg.connect(url)
    await db.execute(FILL, agents, timeout=600)
    await db.execute(TAKE, timeout=600)
    await db.execute("VACUUM ANALYZE")
    figures = {f"{agents} agents, learned": await cycles(rounds)}
    await db.execute(DECLARE)
    await db.execute("TRUNCATE audit_finding")
    await db.execute("VACUUM ANALYZE")
    figures[f"{agents} agents, declared"] = await cycles(rounds)
    await db.close()
    return figures


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--agents", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with servers() as found:
        os.environ.update(found.env)
        get_settings.cache_clear()
        figures = asyncio.run(measure(found.env["DATABASE_URL"], options.agents, options.rounds))
    print(json.dumps({"machine": machine(), **figures}) if options.json else table(figures, COLUMNS))


if __name__ == "__main__":
    main()
