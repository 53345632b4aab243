"""The SQL that commits a batch of runs, and what a batch adds to the state of each agent.

A batch is one statement, and so one transaction:

1. It limits its own waits for locks, since the session may be a pooler's and have no limit.
2. It claims the idempotency keys, if the batch has any, ordered by agent and key.
3. It announces to the triggers that the state is taken care of (`runlog.writer`).
4. It locks and updates the agents' rows in `agent_run_state`, ordered by agent_id in the "C" collation.
5. It inserts the runs, with the `created_at` and the silence counts that follow from step 4.
6. It inserts who reported them and when they ran, of those that say so.

Every process takes these locks in the same order, so batches cannot deadlock, and the runs of an agent
commit in the order in which they got its lock. `created_at` is taken under that lock and strictly
increases within an agent: the newest run of an agent is never ambiguous.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple
from uuid import UUID

import asyncpg

from app.errors import IdempotencyConflictError
from app.runs.calibration import LOCK_TIMEOUT
from app.runs.run import AGENT, Run

# A run's silence count continues the agent's count (`carries`) until a run with output comes.
# Where the database's clock was set back by more than a minute the runs follow the clock again,
# so that one wrong second does not date an agent's runs in the future for ever.
# Arrays side by side in a SELECT list are unpacked faster than by one unnest, which stores each first.
_STATES_AND_RUNS = """agents AS (
    INSERT INTO agent_run_state AS state (agent_id, runs, silence_count, last_created_at, last_success_at)
    SELECT
        agent_id,
        runs,
        silence_count,
        moment + (runs - 1) * interval '1 microsecond',
        moment + (runs - 1 - success_followed_by) * interval '1 microsecond'
    FROM (
        SELECT batch.*, clock_timestamp() AS moment
        FROM announced, (
            SELECT
                unnest($1::text[]) AS agent_id,
                unnest($2::text::int[]) AS runs,
                unnest($3::text::int[]) AS silence_count,
                unnest($4::text::int[]) AS success_followed_by
        ) AS batch
    ) AS batch
    ORDER BY agent_id COLLATE "C"
    ON CONFLICT (agent_id) DO UPDATE SET
        runs = state.runs + excluded.runs,
        silence_count_before = state.silence_count,
        silence_count = excluded.silence_count
            + CASE WHEN excluded.silence_count = excluded.runs THEN state.silence_count ELSE 0 END,
        (last_created_at, last_success_at) = (
            SELECT
                last_created_at,
                greatest(
                    state.last_success_at,
                    last_created_at - (excluded.last_created_at - excluded.last_success_at)
                )
            FROM (
                SELECT (excluded.runs - 1) * interval '1 microsecond' + CASE
                    WHEN state.last_created_at > clock_timestamp() + interval '1 minute'
                    THEN clock_timestamp()
                    ELSE greatest(clock_timestamp(), state.last_created_at + interval '1 microsecond')
                END AS last_created_at
            ) AS batch
        )
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
FROM (
    SELECT
        unnest($5::text::uuid[]) AS id,
        unnest($6::text[]) AS agent_id,
        unnest($7::text[]) AS action_summary,
        unnest(string_to_array($8, chr(31))) AS actions_taken,
        unnest($9::text::text[]) AS status,
        unnest($10::text::int[]) AS silence_count,
        unnest($11::text::bool[]) AS carries,
        unnest($12::text::int[]) AS followed_by
) AS run
JOIN agents USING (agent_id)
"""

_CLAIM = """
INSERT INTO agent_run_idempotency_key (agent_id, key, run_id, payload_digest)
SELECT claim.*
FROM {source}unnest({0}::text[], {1}::text[], {2}::uuid[], {3}::bytea[])
    AS claim (agent_id, key, run_id, digest)
ORDER BY agent_id COLLATE "C", key COLLATE "C"
"""

CLAIM_KEYS = f"""{_CLAIM.format("$1", "$2", "$3", "$4", source="")}
ON CONFLICT (agent_id, key) DO NOTHING
RETURNING run_id
"""


# What is set within a statement holds for its own waits.
_LIMITED = f"""limited AS MATERIALIZED (
    SELECT set_config('lock_timeout', '{LOCK_TIMEOUT}', true)
)"""


def _announced(source: str) -> str:
    return f"""announced AS MATERIALIZED (
    SELECT set_config('runlog.writer', 'on', true) FROM {source}
)"""  # noqa: S608


INSERT_RUNS = f"\nWITH {_LIMITED},\n{_announced('limited')},\n{_STATES_AND_RUNS}"

# Keys are claimed before states are locked, as in `_insert_unclaimed`: in another order two batches could
# deadlock.
_CLAIMS = f"""{_LIMITED},
claims AS ({_CLAIM.format("$13", "$14", "$15", "$16", source="limited, ")} RETURNING 1),
{_announced("(SELECT count(*) FROM claims) AS claimed")}"""  # noqa: S608

CLAIM_AND_INSERT_RUNS = f"\nWITH {_CLAIMS},\n{_STATES_AND_RUNS}"

# Also where the batch has no key: its few reports with a source do not need a statement without claims.
CLAIM_AND_INSERT_RUNS_AND_REPORTS = f"""
WITH {_CLAIMS},
reports AS (
    INSERT INTO agent_run_report (run_id, source, status, started_at, finished_at, payload_digest)
    SELECT *
    FROM unnest($17::uuid[], $18::text[], $19::text[], $20::timestamptz[], $21::timestamptz[], $22::bytea[])
),
{_STATES_AND_RUNS}"""  # noqa: S608

KEY_OWNERS = """
SELECT owner.agent_id, owner.key, owner.run_id, owner.payload_digest,
    NOT EXISTS (SELECT FROM agent_run_report AS report WHERE report.run_id = owner.run_id) AS is_plain
FROM agent_run_idempotency_key AS owner
JOIN unnest($1::text[], $2::text[]) AS wanted (agent_id, key) USING (agent_id, key)
"""

# A transaction that finds everything stored writes nothing, so its commit would not wait for a synchronous
# standby, which may lack the rows: an earlier commit that stopped waiting leaves them here alone. A record of
# its own in the log of writes makes it wait until the standby has that, and all before it.
AWAIT_STANDBY = """
SELECT CASE WHEN current_setting('synchronous_standby_names') <> ''
    THEN pg_logical_emit_message(true, 'runlog', '') END
"""

STORED_RUNS = "SELECT id FROM agent_run_log WHERE id = ANY($1::uuid[])"

# INSERT_RUNS splits payloads here: a control character that is no white space cannot stand raw in JSON text.
_SEPARATOR = chr(31)


class KeyOwner(NamedTuple):
    """The run that owns an idempotency key: its id, its first report's digest, and whether that is plain."""

    run_id: UUID
    digest: bytes
    is_plain: bool


KeyOwners = dict[tuple[str, str | None], KeyOwner]
"""The run that owns an (agent, idempotency key) that was in use before."""


async def store_runs(connection: asyncpg.Connection, runs: Sequence[Run], *, retried: bool) -> KeyOwners:
    """Commit `runs` in one transaction, except those whose idempotency key another run owns.

    1. Where an earlier attempt may have committed some of them (`retried`), those are left out, once a
       synchronous standby has them too.
    2. Runs without keys are inserted by one statement, those with keys by one that claims these too.
    3. Where a key is in use, the statement has failed as a whole: keys are claimed one by one, the runs
       that got theirs are inserted, and the owners of the other keys are returned.

    Raises asyncpg's errors; then nothing was committed, unless the connection was lost.
    """
    if retried:
        stored = {record["id"] for record in await connection.fetch(STORED_RUNS, [run.id for run in runs])}
        if stored:
            await connection.execute(AWAIT_STANDBY)
        runs = [run for run in runs if run.id not in stored]
    keyed = [run for run in runs if run.idempotency_key is not None]
    if not keyed:
        await _insert(connection, runs)
        return {}
    try:
        await _insert(connection, runs, keyed)
    except asyncpg.UniqueViolationError as error:
        if error.constraint_name != "agent_run_idempotency_key_pkey":
            raise
        return await _insert_unclaimed(connection, runs, keyed)
    return {}


async def _insert_unclaimed(
    connection: asyncpg.Connection, runs: Sequence[Run], keyed: Sequence[Run]
) -> KeyOwners:
    """Insert those of `runs` whose keys are free; return the owners of the others."""
    async with committed(connection):
        owners = await _claim(connection, keyed)
        if owners:
            await connection.execute(AWAIT_STANDBY)
        await _insert(connection, [run for run in runs if owners.get(run.key, (run.id,))[0] == run.id])
    return owners


@asynccontextmanager
async def committed(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """A transaction that is committed at the end, and rolled back where a statement or a key is refused."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        yield
    except (asyncpg.PostgresError, IdempotencyConflictError):
        await transaction.rollback()
        raise
    # Any other error is one of the connection, which is discarded together with its transaction: a
    # rollback would only wait for it once more.
    await transaction.commit()


async def _claim(connection: asyncpg.Connection, runs: Sequence[Run]) -> KeyOwners:
    """Claim the runs' keys, waiting for other transactions that claim one; return the owners of used keys."""
    claimed = await connection.fetch(CLAIM_KEYS, *_claims(runs))
    ours = {record["run_id"] for record in claimed}
    conflicting = [run for run in runs if run.id not in ours]
    if not conflicting:
        return {}
    owners = await connection.fetch(
        KEY_OWNERS, [run.agent_id for run in conflicting], [run.idempotency_key for run in conflicting]
    )
    return {(agent_id, key): KeyOwner(*owner) for agent_id, key, *owner in owners}


def _claims(runs: Sequence[Run]) -> tuple[list[object], ...]:
    return (
        [run.agent_id for run in runs],
        [run.idempotency_key for run in runs],
        [run.id for run in runs],
        [run.digest for run in runs],
    )


async def _insert(connection: asyncpg.Connection, runs: Sequence[Run], claiming: Sequence[Run] = ()) -> None:
    """Insert `runs`, in this order within each agent, and update the agents' states.

    The keys of `claiming` are claimed in the same statement, which fails when one is in use.
    """
    if not runs:
        return
    totals: dict[str, int] = {}
    silences: dict[str, int] = {}
    successes: dict[str, int] = {}
    positions, counts, carries = [], [], []
    for run in runs:
        position = totals.get(run.agent_id, 0)
        count = silences.get(run.agent_id, 0) + 1 if run.silent else 0
        totals[run.agent_id] = position + 1
        silences[run.agent_id] = count
        if run.status == "success":
            successes[run.agent_id] = position
        positions.append(position)
        counts.append(count)
        carries.append(count == position + 1)
    reported = [run for run in runs if not run.is_plain]
    await connection.execute(
        _statement(claiming, reported),
        list(totals),
        _array(totals.values()),
        _array(silences.values()),
        _array([n - 1 - successes[agent] if agent in successes else "NULL" for agent, n in totals.items()]),
        _array([run.id.hex for run in runs]),
        [run.agent_id for run in runs],
        [run.summary for run in runs],
        _SEPARATOR.join([run.actions_json for run in runs]),
        _array([run.status for run in runs]),
        _array(counts),
        _array(carries),
        _array([totals[run.agent_id] - 1 - position for run, position in zip(runs, positions, strict=True)]),
        *(_claims(claiming) if claiming or reported else ()),
        *(_reports(reported) if reported else ()),
    )


def _statement(claiming: Sequence[Run], reported: Sequence[Run]) -> str:
    if reported:
        return CLAIM_AND_INSERT_RUNS_AND_REPORTS
    return CLAIM_AND_INSERT_RUNS if claiming else INSERT_RUNS


def _reports(runs: Sequence[Run]) -> tuple[list[object], ...]:
    return (
        [run.id for run in runs],
        [run.source or AGENT for run in runs],
        [run.status for run in runs],
        [run.started_at for run in runs],
        [run.finished_at for run in runs],
        [run.digest if run.idempotency_key else None for run in runs],
    )


def _array(values: Iterable[object]) -> str:
    """PostgreSQL's text of an array whose elements need no quotes: the driver is slow at each element."""
    return f"{{{','.join(map(str, values))}}}"
