"""`runlog agents rm`: what is declared is removed, what was reported stays."""

import asyncio
import json

import asyncpg

from support.processes import called


def query(url: str, statement: str) -> list[object]:
    """The first column of what a statement gives."""

    async def run() -> list[object]:
        connection = await asyncpg.connect(url)
        try:
            return [row[0] for row in await connection.fetch(statement)]
        finally:
            await connection.close()

    return asyncio.run(run())


def test_a_declaration_is_removed_and_the_runs_stay(database: str) -> None:
    query(database, "INSERT INTO agent (agent_id, schedule) VALUES ('nova', '@daily') RETURNING 1")
    query(database, "INSERT INTO agent_run_log (agent_id) VALUES ('nova'), ('sage') RETURNING 1")
    done = called("agents", "rm", "nova")
    assert (done.returncode, done.stdout) == (0, "nova is no longer declared; its runs stay\n")
    assert query(database, "SELECT agent_id FROM agent") == []
    assert sorted(map(str, query(database, "SELECT agent_id FROM agent_run_log"))) == ["nova", "sage"]
    for agent, reason in (
        ("nova", "this agent is not declared"),
        ("nvoa", "no agent nvoa has reported or is declared"),
    ):
        refused = called("agents", "rm", agent)
        assert refused.returncode == 1
        assert reason in refused.stderr


def test_a_fleet_of_several_pages_is_listed(database: str) -> None:
    query(
        database,
        "INSERT INTO agent (agent_id) SELECT lpad(n::text, 4, '0') FROM generate_series(1, 1001) AS n"
        " RETURNING 1",
    )
    listed = called("agents", "--json").stdout.splitlines()
    assert [json.loads(line)["agent_id"] for line in listed] == [f"{n:04}" for n in range(1, 1002)]
