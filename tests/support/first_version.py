"""The product's first version: its schema, and its processes, which report and score."""

import asyncio
import json
import time
import uuid
from collections import Counter
from pathlib import Path

import asyncpg

FIRST_SCHEMA = (Path(__file__).parents[1] / "data" / "first_schema.sql").read_text(encoding="utf-8")

# What the first version ran for each batch, here of one run.
INSERT_RUN = """
WITH agents AS (
    INSERT INTO agent_run_state AS state (agent_id, runs, silence_count, last_created_at)
    SELECT agent_id, runs, silence_count, clock_timestamp() + (runs - 1) * interval '1 microsecond'
    FROM unnest($1::text[], $2::int[], $3::int[]) AS batch (agent_id, runs, silence_count)
    ORDER BY agent_id COLLATE "C"
    ON CONFLICT (agent_id) DO UPDATE SET
        runs = state.runs + excluded.runs,
        silence_count_before = state.silence_count,
        silence_count = excluded.silence_count
            + CASE WHEN excluded.silence_count = excluded.runs THEN state.silence_count ELSE 0 END,
        last_created_at = (excluded.runs - 1) * interval '1 microsecond' + CASE
            WHEN state.last_created_at > clock_timestamp() + interval '1 minute' THEN clock_timestamp()
            ELSE greatest(clock_timestamp(), state.last_created_at + interval '1 microsecond') END
    RETURNING agent_id, silence_count_before, last_created_at
)
INSERT INTO agent_run_log (
    id, agent_id, run_at, action_summary, actions_taken, status, consecutive_silence_count, created_at
)
SELECT
    run.id,
    run.agent_id,
    agents.last_created_at - run.followed_by * interval '1 microsecond',
    run.action_summary,
    run.actions_taken::jsonb,
    run.status,
    run.silence_count + CASE WHEN run.carries THEN agents.silence_count_before ELSE 0 END,
    agents.last_created_at - run.followed_by * interval '1 microsecond'
FROM unnest(
    $4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[], $9::int[], $10::bool[], $11::int[]
) AS run (id, agent_id, action_summary, actions_taken, status, silence_count, carries, followed_by)
JOIN agents USING (agent_id)
"""
SCORE = '{"overall": 0.5, "dimensions": {}, "reasons": [], "scorer": "rubric", "version": "1"}'


class FirstVersion:
    """Processes of the first version, each on a connection of its own; what they report is noted."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.acknowledged: list[uuid.UUID] = []
        self.failures: Counter[str] = Counter()
        self.longest = 0.0
        """Seconds of the report that waited longest."""
        self._awaited = 0
        self._reached = asyncio.Event()
        self._ending = False
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self, writers: int) -> None:
        self._tasks = [asyncio.create_task(self._write(number)) for number in range(writers)]

    async def end(self) -> None:
        self._ending = True
        await asyncio.gather(*self._tasks)

    async def wait_for(self, count: int) -> None:
        """Return when so many more runs are acknowledged."""
        self._awaited = len(self.acknowledged) + count
        self._reached.clear()
        async with asyncio.timeout(120):
            await self._reached.wait()

    async def _write(self, number: int) -> None:
        connection = await asyncpg.connect(self._url)
        try:
            count = 0
            while not self._ending:
                count += 1
                await self._report(connection, f"agent-{(count + number) % 3}", silent=count % 4 == 0)
        finally:
            await connection.close()

    async def _report(self, connection: asyncpg.Connection, agent: str, *, silent: bool) -> None:
        run, silence = uuid.uuid4(), int(silent)
        actions = json.dumps({} if silent else {"summary": "did something"})
        began = time.monotonic()
        try:
            await connection.execute(
                INSERT_RUN,
                *([agent], [1], [silence], [run], [agent], [None], [actions], ["success"]),
                *([silence], [silent], [0]),
            )
        except asyncpg.PostgresError as error:
            self.failures[type(error).__name__] += 1  # its client would send the run again
            return
        finally:
            self.longest = max(self.longest, time.monotonic() - began)
        self.acknowledged.append(run)
        await connection.execute("UPDATE agent_run_log SET rlhf_scores = $2 WHERE id = $1", run, SCORE)
        if len(self.acknowledged) >= self._awaited:
            self._reached.set()
