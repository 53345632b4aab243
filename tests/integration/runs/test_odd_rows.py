"""Rows that other programs wrote: whatever they hold, every reader goes on, and shows and scores them."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import asyncpg
import httpx
import pytest

from app.db.session import transaction
from app.kit.times import WEEK
from app.scoring.pipeline import unscored_runs
from app.services.agent_run_log_service import recent_runs
from app.tasks.rlhf_tasks import _sweep
from support.alerting import audited
from support.log_changes import GUARD, UNGUARD
from support.processes import called

LOG = "/api/v1/internal/agent-run-log"
PAGES = "/runs"
AGENTS = "/api/v1/internal/agents"
DATES = ["50000-01-01", "290000-01-01", "4000-01-01 BC", "0044-03-15 BC", "infinity", "-infinity", None]
FACES = [f"{AGENTS}/{{}}", f"{AGENTS}/{{}}/feedback", "/agents/{}", "/badge/{}.svg"]
SCORES = [
    *(
        "[]",
        "7",
        '"good"',
        "true",
        "null",
        "{}",
        '{"overall": "high"}',
        '{"overall": [1]}',
        '{"overall": 1e400}',
        '{"error": "odd", "attempts": "many", "dimensions": {"a": true, "b": "c"}, "scorer": {}}',
    ),
    *('{"human": 3}', '{"overall": 0.5, "dimensions": 7, "reasons": {}}', "[" * 2000 + "]" * 2000),
]
PAYLOADS = ["[" * 2000 + "]" * 2000, '{"a": ' * 3000 + "1" + "}" * 3000, '"text"', "7", "[1]", "null"]
NAMES = ["", " ", "\x01\x1b[2J", "a\nb", "/", "?#%", "\u202eabc", "x" * 255]
STATUSES = ["SUCCESS", "", "\x1b[31m", "x" * 32]
# The second is of version 7, and of the year 10889.
IDS = ["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-7fff-bfff-ffffffffffff"]
COLUMNS: list[dict[str, Any]] = [
    *({"created_at": date, "run_at": date or "now"} for date in DATES * 2),
    *({"agent_id": f"dated {date}", "created_at": date} for date in DATES),
    *({"rlhf_scores": scores} for scores in SCORES),
    *({"actions_taken": payload} for payload in PAYLOADS),
    *({"agent_id": name} for name in NAMES),
    *({"agent_id": f"in state {n}", "status": status} for n, status in enumerate(STATUSES)),
    *({"id": run_id} for run_id in IDS),
    {"action_summary": "Fixed 3 leaks. " * 70_000},
    {"consecutive_silence_count": -(2**31)},
]
TO_SHOW = [
    {"actions_taken": PAYLOADS[0]},
    {"rlhf_scores": SCORES[-1]},
    {"agent_id": "dated None", "created_at": None},
    {"agent_id": "dated infinity", "created_at": "infinity"},
    {"agent_id": "in state 2", "status": STATUSES[2]},
]
TYPES = {"created_at": "timestamptz", "run_at": "timestamptz", "id": "uuid", "actions_taken": "jsonb"} | {
    "rlhf_scores": "jsonb",
    "consecutive_silence_count": "integer",
}
PATHS = [
    *(LOG, f"{LOG}?q=nowhere", AGENTS, "/api/v1/internal/audit/findings", "/api/v1/internal/alerts"),
    *("/api/v1/internal/quality", "/api/v1/internal/review-queue", "/api/v1/internal/scoring/agreement"),
    *("/api/v1/public/platform/intelligence", "/metrics", "/runs", "/runs?q=nowhere&least_score=0"),
    *(
        "/",
        "/agents",
        "/audit",
        "/review",
        "/swarm",
        f"/day/{datetime.now(UTC):%Y-%m-%d}",
        "/badge/fleet.svg",
    ),
]
COMMANDS = [
    *("runs", "runs --json", "agents", "audit", "audit backtest --since 30d", "feedback odd"),
    *("export preferences --by overall", "schema check", "score status", "score trend", "score review"),
]


async def insert_odd_rows(database: str) -> list[str]:
    """Fill the log with a row of each of `COLUMNS`, and return their ids."""
    db = await asyncpg.connect(database)
    ids = []
    for columns in COLUMNS:
        row = {"agent_id": "odd", **columns}
        values = ", ".join(f"CAST(${n}::text AS {TYPES.get(name, 'text')})" for n, name in enumerate(row, 1))
        statement = f"INSERT INTO agent_run_log ({', '.join(row)}) VALUES ({values}) RETURNING id::text"  # noqa: S608
        ids.append(await db.fetchval(statement, *(v if v is None else str(v) for v in row.values())))
    await db.close()
    return ids


async def sweep_all(database: str) -> None:
    """Have the sweep find the rows, those too that were written just now."""
    db = await asyncpg.connect(database)
    await db.execute(UNGUARD)
    await db.execute(
        "UPDATE agent_run_log SET created_at = created_at - interval '1 day'"
        " WHERE created_at BETWEEN now() - interval '1 hour' AND now()"
    )
    await db.execute(GUARD)
    await db.close()
    await _sweep(one_by_one=False)


@pytest.fixture
def odd(database: str) -> list[str]:
    """The ids of the odd rows, in a database with nothing else."""
    return asyncio.run(insert_odd_rows(database))


@pytest.mark.anyio
async def test_every_row_is_shown_as_it_is_and_scored(
    api: httpx.AsyncClient, db: asyncpg.Connection, database: str, odd: list[str]
) -> None:
    agents = [columns.get("agent_id", "odd") for columns in COLUMNS]
    paths = [
        *(f"{face}/{run_id}" for run_id in odd for face in (LOG, PAGES)),
        *(f"{face}?agent_id={quote(agent)}" for agent in agents for face in (LOG, PAGES)),
        *(face.format(quote(agent, safe="")) for agent in agents if agent.strip() for face in FACES),
    ]
    payloads = [f"{PAGES}/{run_id}/payload" for run_id in odd]  # no score changes them
    for moment, further in (("before", payloads), ("after", [])):
        for path in [*PATHS, *dict.fromkeys(paths), *further]:
            answer = await api.get(path)
            assert answer.status_code == 200, (moment, path, answer.text)
        assert (await audited()).errors == []
        if moment == "before":
            await _each_is_shown(api, db)
            await sweep_all(database)
    assert {agent["agent_id"] for agent in (await api.get(AGENTS)).json()["agents"]} >= set(agents)
    scored = "jsonb_typeof(rlhf_scores -> 'overall') = 'number'"
    unscored = f"SELECT rlhf_scores FROM agent_run_log WHERE ({scored}) IS NOT TRUE"  # noqa: S608
    assert await db.fetch(unscored) == []
    async with transaction() as session:
        assert await unscored_runs(session, older_than=WEEK, limit=100) == []


async def _each_is_shown(api: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    for row in await db.fetch("SELECT id, created_at::text, actions_taken::text FROM agent_run_log"):
        answer = await api.get(f"{LOG}/{row['id']}")
        if row["actions_taken"]:
            assert row["actions_taken"].replace(" ", "") in answer.text.replace(" ", "")
        elif row["created_at"] is None or not row["created_at"].startswith("20"):
            assert answer.json()["created_at"] == row["created_at"]


@pytest.mark.anyio
async def test_pages_show_each_row_once_and_those_without_a_date_last(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await db.execute(
        "INSERT INTO agent_run_log (agent_id, created_at) SELECT agent, moment"
        " FROM unnest($1::text[]::timestamptz[]) AS moment, unnest('{odd,even,odd}'::text[]) AS agent",
        [*DATES, "2026-01-01", "294276-12-31 23:59:59.999999", "4714-11-24 00:00:00.000001 BC"],
    )
    newest_first = (
        "SELECT id::text FROM agent_run_log WHERE agent_id = coalesce($1, agent_id)"
        " ORDER BY created_at DESC NULLS LAST, id DESC"
    )
    for filters in ({}, {"agent_id": "odd"}):
        expected = [row["id"] for row in await db.fetch(newest_first, filters.get("agent_id"))]
        for limit in (1, 3, len(expected), 1000):
            runs: list[dict[str, Any]] = []
            cursor: dict[str, str] = {}
            while not runs or cursor:
                page = (await api.get(LOG, params={"limit": limit, **filters, **cursor})).json()
                runs += page["runs"]
                cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] else {}
            assert [run["id"] for run in runs] == expected
        assert runs[-1]["created_at"] is None
        assert [str(run.id) for run in await recent_runs(**filters, limit=1000)] == expected
        for bound in ("since", "until"):
            found = (await api.get(LOG, params={bound: "2000-01-01T00:00:00Z", **filters})).json()["runs"]
            assert found
            assert all(run["created_at"] for run in found)


def test_every_command_goes_on(database: str, odd: list[str]) -> None:
    asyncio.run(sweep_all(database))
    shown = [("show", run_id) for run_id, columns in zip(odd, COLUMNS, strict=True) if columns in TO_SHOW]
    listed = [("runs", f"--agent={name}") for name in NAMES[:3]]
    for command in [*map(str.split, COMMANDS), *dict.fromkeys(shown), *listed]:
        done = called(*command)
        assert done.returncode == 0, (command, done.stderr)
        assert "\x1b" not in done.stdout
    assert "no date" in called("runs", "--agent", "dated None").stdout
