"""Rows that the database refuses, and tables that change, amid runs that must not notice."""

import subprocess

import httpx

from app.embedded.postgres import Postgres
from support.background import Background
from support.database import execute, query
from support.load import PATH, PATIENCE, Check, Load, TwoProcesses, UnderLoad, under_way
from support.processes import RUNLOG

CONSTRAINT = "ALTER TABLE agent_run_log ADD CONSTRAINT no_poison CHECK (NOT actions_taken ? 'poison')"
TRIGGER = """
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'poison'; END $$;
    CREATE TRIGGER no_poison BEFORE INSERT ON agent_run_log
    FOR EACH ROW WHEN (NEW.actions_taken ? 'poison') EXECUTE FUNCTION refuse()
"""
# By what the database refuses a run: how that is made, and how it is taken away.
REFUSALS = {
    "constraint": (CONSTRAINT, "ALTER TABLE agent_run_log DROP CONSTRAINT no_poison"),
    "trigger": (TRIGGER, "DROP FUNCTION refuse CASCADE"),
}
POISONED = """
    SELECT (SELECT count(*) FROM agent_run_log WHERE actions_taken ? 'poison')
    + (SELECT count(*) FROM agent_run_idempotency_key WHERE key = 'poison')
"""


async def report_poison(url: str, count: int) -> list[int]:
    """The statuses that so many poisoned runs get, every other with a key."""
    async with httpx.AsyncClient(base_url=url, timeout=PATIENCE) as client:
        statuses = []
        for number in range(count):
            run = {"agent_id": f"agent-{number % 5}", "status": "failed", "actions_taken": {"poison": 1}}
            headers = {"Idempotency-Key": "poison"} if number % 2 else {}
            statuses.append((await client.post(PATH, json=run, headers=headers)).status_code)
        return statuses


def test_a_row_that_the_database_refuses_is_refused_alone(
    postgres: Postgres,
    background: Background,
    check: Check,
    two_processes: TwoProcesses,
) -> None:
    with two_processes() as server:
        for how, (refuse, take_again) in REFUSALS.items():
            background.run(execute(postgres.url, refuse))
            with under_way(Load(server.url, background, connections=24)) as load:
                poison = [background.start(report_poison(server.url, 40)) for _ in range(3)]
                assert {status for statuses in poison for status in statuses.result(60)} == {422}, how
                tally = check(load, postgres.url, f"120 runs refused by a {how} of the database, amid others")
            assert (tally.refused, tally.unanswered, tally.acknowledged) == (0, 0, tally.sent), how
            assert background.run(query(postgres.url, POISONED)) == 0, how
            background.run(execute(postgres.url, take_again))


MISSING = """
    DROP TABLE agent_cloud_task, peer_swarm_heartbeat, audit_finding, agent_run_feedback, agent;
    DROP INDEX idx_agent_run_log_agent_id, idx_agent_run_log_created_at, idx_agent_run_log_status,
        idx_agent_run_log_agent_created
"""
HISTORY = """
    INSERT INTO agent_run_log (agent_id, actions_taken, run_at, created_at)
    SELECT 'historian', '{"n": 1}', moment, moment
    FROM generate_series(1, 30000) AS n, LATERAL (SELECT now() - n * interval '1 s') AS at (moment)
"""


def test_a_synchronisation_of_the_schema_refuses_no_run(
    postgres: Postgres, background: Background, check: Check, under_load: UnderLoad
) -> None:
    background.run(execute(postgres.url, MISSING + ";" + HISTORY))
    with under_load() as (_, load):
        subprocess.run([*RUNLOG, "schema", "sync"], check=True, capture_output=True, timeout=120)
        load.wait_for(200)
        tally = check(load, postgres.url, "tables and indexes made by `runlog schema sync`")
    assert (tally.refused, tally.unanswered, tally.acknowledged) == (0, 0, tally.sent)
    subprocess.run([*RUNLOG, "schema", "check"], check=True, capture_output=True, timeout=120)
