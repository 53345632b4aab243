"""How the derived tables follow the log: the SQL of what they hold, and the triggers that keep it so.

Our writer, our scorer or plain SQL of others: the tables are right with the very transaction that changes
the log. The functions run with their owner's rights and search_path, so that a role that may write to the
log needs no rights to the derived tables. Nothing here waits for another transaction that is still open:

1. Statement triggers add up what a statement changes, in rollup rows of the backend's own (`shard`).
2. They note which agents' runs it changed (`agent_run_change`), as a row trigger does where a payload was
   written again; the writer's statement has updated these agents' states itself, and announces that.
3. Right before the commit a deferred trigger brings the noted agents' states up to date, locking them in the
   order in which ingest does.
"""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, event

from app.models.agent_run_log import AUDITOR
from app.models.base import Base
from app.models.fragments import AGENT_BY_AGENT, IS_SCORED, SHOWS_RESULT, last_success_text, newest_run_text
from app.models.run_rollup import AGENTS_KEPT, HOUR, MERGED, MINUTE, MINUTES_KEPT
from app.models.silence import COUNT_SILENCE, SILENCE_COUNTED, SILENCE_SETTINGS
from app.models.triggers import Function, Trigger

_OWN = "pg_backend_pid()"
_EPOCH = "'2000-01-01 00:00Z'"  # of PostgreSQL: no date is out of its reach

# A set of runs, each with the sign with which it counts.
_INSERTED = "SELECT 1 AS sign, * FROM new_runs"
_DELETED = "SELECT -1 AS sign, * FROM old_runs"
_CHANGES = {
    "inserted": ("INSERT", "NEW TABLE AS new_runs", _INSERTED),
    "updated": ("UPDATE", "OLD TABLE AS old_runs NEW TABLE AS new_runs", f"{_DELETED} UNION ALL {_INSERTED}"),
    "deleted": ("DELETE", "OLD TABLE AS old_runs", _DELETED),
}

# The fleet's figures leave out the Auditor's runs, but for `runs`.
_OF_AGENTS = f"agent_id <> '{AUDITOR}'"
_SUMS = {
    "runs": "sum(sign)",
    "succeeded": f"sum(sign) FILTER (WHERE status = 'success' AND {_OF_AGENTS})",
    "scored": f"sum(sign) FILTER (WHERE overall IS NOT NULL AND {_OF_AGENTS})",
    "overall_sum": f"sum(sign * overall) FILTER (WHERE {_OF_AGENTS})",
}
PAYLOAD_CHANGED = "agent_run_log_payload_changed"
FILLING_NOTHING = frozenset((SILENCE_COUNTED, PAYLOAD_CHANGED))
"""The triggers from which nothing derived has its figures: a database that lacked one lacks no figure."""

ROLLUP_KEYS = {
    "run_rollup": "width, bucket",
    "agent_rollup": "agent_id, bucket",
    "score_rollup": "scorer, version, bucket",
}
MEASURES = {
    "run_rollup": tuple(_SUMS),
    "agent_rollup": ("scored", "overall_sum", "overall_squares", "failed", "silent"),
    "score_rollup": ("results",),
}


def add_up(table: str, rows: str, shard: str = str(MERGED), measures: Sequence[str] | None = None) -> str:
    """SQL that adds `rows` (SQL of the rollup's keys and measures, by default of all) to a rollup."""
    keys, measures = ROLLUP_KEYS[table], measures or MEASURES[table]
    return f"""INSERT INTO {table} AS rollup ({keys}, shard, {", ".join(measures)})
    SELECT {keys}, {shard}, {", ".join(f"sum({name})" for name in measures)}
    FROM ({rows}) AS change
    GROUP BY {keys}
    HAVING {" OR ".join(f"sum({name}) <> 0" for name in measures)}
    ORDER BY {keys}
    ON CONFLICT ({keys}, shard) DO UPDATE SET
        {", ".join(f"{name} = rollup.{name} + excluded.{name}" for name in measures)}"""  # noqa: S608


def missing(table: str, runs: str, condition: str) -> str:
    """SQL of what a rollup lacks of `runs` (SQL as well, each with its `sign`) in the buckets of `condition`.

    One snapshot shows both, and no transaction changes the one without the other, so this is exact while
    others write.
    """
    added = ", ".join(f"-{name} AS {name}" for name in MEASURES[table])
    return f"""{_ROWS[table](runs)}
    UNION ALL SELECT {ROLLUP_KEYS[table]}, {added} FROM {table} WHERE shard >= {MERGED} AND {condition}"""  # noqa: S608


def rows_of(table: str, runs: str) -> str:
    """SQL of what `runs` (SQL as well, each with its `sign`) add to a rollup."""
    return _ROWS[table](runs)


def _fleet_rows(runs: str, measures: Sequence[str] = tuple(_SUMS)) -> str:
    return f"""SELECT width, date_bin(width * interval '1 minute', minute, {_EPOCH}) AS bucket,
        {", ".join(measures)}
    FROM (
        SELECT date_bin('1 minute', created_at, {_EPOCH}) AS minute,
            {", ".join(f"coalesce({_SUMS[name]}, 0) AS {name}" for name in measures)}
        FROM ({_with_overall(runs)}) AS run
        WHERE created_at IS NOT NULL
        GROUP BY minute
    ) AS change, unnest(ARRAY[{MINUTE}, {HOUR}]) AS width
    WHERE width = {HOUR} OR minute > now() - interval '{MINUTES_KEPT}'"""  # noqa: S608


def _agent_rows(runs: str) -> str:
    # A score written by others may be a number whose square is out of range.
    size = "least(abs(overall), 1000000)"
    return f"""SELECT agent_id, date_bin('1 hour', created_at, {_EPOCH}) AS bucket,
        sign AS scored, sign * overall AS overall_sum, sign * {size} * {size} AS overall_squares,
        sign * CAST(status = 'failed' AS int) AS failed,
        sign * CAST(consecutive_silence_count > 0 AS int) AS silent
    FROM ({_with_overall(runs, ", consecutive_silence_count")}) AS run
    WHERE overall IS NOT NULL AND created_at > now() - interval '{AGENTS_KEPT}'"""  # noqa: S608


def _score_rows(runs: str) -> str:
    return f"""SELECT rlhf_scores ->> 'scorer' AS scorer, rlhf_scores ->> 'version' AS version,
        date_bin('1 hour', created_at, {_EPOCH}) AS bucket, sum(sign) AS results
    FROM ({runs}) AS run
    WHERE {SHOWS_RESULT} AND created_at IS NOT NULL
    GROUP BY 1, 2, 3"""  # noqa: S608


def _with_overall(runs: str, more: str = "") -> str:
    return f"""SELECT sign, agent_id, created_at, status{more},
            CASE WHEN {IS_SCORED}
            THEN CAST(rlhf_scores ->> 'overall' AS numeric) END AS overall
        FROM ({runs}) AS run"""  # noqa: S608


_ROWS: dict[str, Callable[[str], str]] = {
    "run_rollup": _fleet_rows,
    "agent_rollup": _agent_rows,
    "score_rollup": _score_rows,
}


# The three below are of the agent in a row called `agent`.

NEWEST_RUN = newest_run_text("created_at, consecutive_silence_count", "agent.agent_id")

_LAST_RUN_AT = "SELECT max(run_at) FROM agent_run_log AS run WHERE run.agent_id = agent.agent_id"

LAST_SUCCESS = last_success_text("created_at", "agent.agent_id")


def update_states(agents: str, assignments: str) -> str:
    """SQL that makes states what the newest runs say; `assignments` are of the other columns.

    `agents` is SQL for a FROM clause with their `agent_id`, called `agent`.
    """
    return f"""UPDATE agent_run_state AS state SET
        {assignments},
        silence_count = coalesce(newest.consecutive_silence_count, 0),
        changed_in = CAST(CAST(pg_current_xact_id() AS text) AS bigint),
        last_created_at = coalesce(newest.created_at, ({_LAST_RUN_AT}), state.last_created_at)
    FROM {agents} LEFT JOIN LATERAL (
        {NEWEST_RUN}
    ) AS newest ON true
    WHERE state.agent_id = agent.agent_id"""  # noqa: S608


def delete_states(condition: str) -> str:
    """SQL that deletes the states of the agents under `condition` that have no runs any more."""
    return f"""DELETE FROM agent_run_state AS state
    WHERE {condition} AND NOT EXISTS (SELECT FROM agent_run_log AS run WHERE run.agent_id = state.agent_id)"""  # noqa: S608


# What the state is made of; scores are not.
_STATE_CHANGES = {
    "inserted": _INSERTED,
    "updated": """SELECT change.*
        FROM old_runs AS before FULL JOIN new_runs AS after USING (id), LATERAL (VALUES
            (-1, before.agent_id, before.created_at, before.status),
            (1, after.agent_id, after.created_at, after.status)
        ) AS change (sign, agent_id, created_at, status)
        WHERE change.agent_id IS NOT NULL
            AND (before.agent_id, before.created_at, before.run_at, before.status,
                before.consecutive_silence_count)
            IS DISTINCT FROM (after.agent_id, after.created_at, after.run_at, after.status,
                after.consecutive_silence_count)""",
    "deleted": _DELETED,
}


def _note_changes(runs: str) -> str:
    """SQL that notes what the transaction changes of each agent's runs, to be settled at its end."""
    return f"""INSERT INTO agent_run_change AS noted
        (shard, agent_id, runs, success_gained_at, success_lost_at)
    SELECT {_OWN}, agent_id, sum(sign),
        max(created_at) FILTER (WHERE status = 'success' AND sign > 0),
        max(created_at) FILTER (WHERE status = 'success' AND sign < 0)
    FROM ({runs}) AS change
    GROUP BY agent_id
    ON CONFLICT (shard, agent_id) DO UPDATE SET
        runs = noted.runs + excluded.runs,
        success_gained_at = greatest(noted.success_gained_at, excluded.success_gained_at),
        success_lost_at = greatest(noted.success_lost_at, excluded.success_lost_at)"""  # noqa: S608


# The writer's own statement brings the state up to date, and its runs have no score yet.
_UNSCORED = ("runs", "succeeded")
_WRITER = f"""
    IF current_setting('runlog.writer', true) = 'on' THEN
        {add_up("run_rollup", _fleet_rows(_INSERTED, _UNSCORED), _OWN, _UNSCORED)};
        RETURN NULL;
    END IF;"""


# A log that lacks a column takes rows all the same: the synchronisation that restores it fills all again.
def _follow(name: str, runs: str) -> str:
    return f"""
BEGIN{_WRITER if name == "inserted" else ""}
    {add_up("run_rollup", _fleet_rows(runs), _OWN)};
    BEGIN
        {add_up("agent_rollup", _agent_rows(runs), _OWN)};
        {add_up("score_rollup", _score_rows(runs), _OWN)};
    EXCEPTION WHEN undefined_column THEN
        NULL;
    END;
    {_note_changes(_STATE_CHANGES[name])};
    RETURN NULL;
END
"""


_SETTLED_SUCCESS = f"""last_success_at = CASE
            WHEN agent.success_lost_at >= greatest(state.last_success_at, agent.success_gained_at)
            THEN ({LAST_SUCCESS})
            ELSE greatest(state.last_success_at, agent.success_gained_at) END"""

# The writer of the first version, which may go on beside this one until its processes end, has counted its
# runs in the state itself. What this function writes has the id of a subtransaction.
_COUNTED_BY_ITSELF = "state.xmin = CAST(pg_current_xact_id() AS xid)"

# Called once for each agent that was changed; the first call settles them all, in the order of ingest.
# Where the same transaction dropped a column, the synchronisation that restores it fills everything again.
_SETTLE = f"""
BEGIN
    IF NOT EXISTS (SELECT FROM agent_run_change WHERE shard = NEW.shard AND agent_id = NEW.agent_id) THEN
        RETURN NULL;
    END IF;
    INSERT INTO agent_run_state AS state (agent_id, runs, last_created_at)
    SELECT agent_id, runs, now() FROM agent_run_change WHERE shard = NEW.shard
    ORDER BY agent_id COLLATE "C"
    ON CONFLICT (agent_id) DO UPDATE SET
        runs = state.runs + CASE WHEN {_COUNTED_BY_ITSELF} THEN 0 ELSE excluded.runs END;
    {update_states("agent_run_change AS agent", _SETTLED_SUCCESS)} AND agent.shard = NEW.shard;
    {delete_states("agent_id IN (SELECT agent_id FROM agent_run_change WHERE shard = NEW.shard)")};
    DELETE FROM agent_run_change WHERE shard = NEW.shard;
    RETURN NULL;
EXCEPTION WHEN undefined_column THEN
    DELETE FROM agent_run_change WHERE shard = NEW.shard;
    RETURN NULL;
END
"""  # noqa: S608

# Of scores, which are updated far more often, no row comes here.
_NOTE_PAYLOAD = f"""
BEGIN
    INSERT INTO agent_run_change (shard, agent_id, runs) VALUES ({_OWN}, NEW.agent_id, 0)
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
"""  # noqa: S608

# Not TRUNCATE, whose lock could deadlock with transactions that wait for the log.
_EMPTY = f"""
BEGIN
    DELETE FROM run_rollup;
    DELETE FROM agent_rollup;
    DELETE FROM score_rollup;
    DELETE FROM agent_run_change WHERE shard = {_OWN};
    DELETE FROM agent_run_state;
    RETURN NULL;
END
"""  # noqa: S608

_FUNCTIONS = {
    **{f"agent_run_log_{name}": _follow(name, runs) for name, (_, _, runs) in _CHANGES.items()},
    "agent_run_log_truncated": _EMPTY,
    PAYLOAD_CHANGED: _NOTE_PAYLOAD,
}


DERIVING_FUNCTIONS = (
    *(Function(name, body) for name, body in _FUNCTIONS.items()),
    Function("agent_run_change_settled", _SETTLE, (AGENT_BY_AGENT,)),
    Function(SILENCE_COUNTED, COUNT_SILENCE, SILENCE_SETTINGS),
)

DERIVING_TRIGGERS = (
    *(
        Trigger(
            f"agent_run_log_{name}",
            "agent_run_log",
            f"CREATE TRIGGER agent_run_log_{name} AFTER {event} ON agent_run_log REFERENCING {transition}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION agent_run_log_{name}()",
        )
        for name, (event, transition, _) in _CHANGES.items()
    ),
    Trigger(
        "agent_run_log_truncated",
        "agent_run_log",
        "CREATE TRIGGER agent_run_log_truncated AFTER TRUNCATE ON agent_run_log"
        " FOR EACH STATEMENT EXECUTE FUNCTION agent_run_log_truncated()",
    ),
    Trigger(
        "agent_run_change_settled",
        "agent_run_change",
        "CREATE CONSTRAINT TRIGGER agent_run_change_settled AFTER INSERT ON agent_run_change"
        " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION agent_run_change_settled()",
    ),
    Trigger(
        PAYLOAD_CHANGED,
        "agent_run_log",
        f"CREATE TRIGGER {PAYLOAD_CHANGED} AFTER UPDATE OF action_summary, actions_taken ON agent_run_log"
        f" FOR EACH ROW EXECUTE FUNCTION {PAYLOAD_CHANGED}()",
    ),
    Trigger(
        SILENCE_COUNTED,
        "agent_run_log",
        f"CREATE TRIGGER {SILENCE_COUNTED} BEFORE INSERT ON agent_run_log FOR EACH ROW"
        " WHEN (current_setting('runlog.writer'::text, true) IS DISTINCT FROM 'on'::text)"
        f" EXECUTE FUNCTION {SILENCE_COUNTED}()",
    ),
)

DERIVATION_DDL = (
    *(statement for function in DERIVING_FUNCTIONS for statement in function.ddl),
    *(statement for trigger in DERIVING_TRIGGERS for statement in trigger.ddl),
)

DERIVATION_TABLES = frozenset(
    (
        *("agent_run_log", "agent_run_change", "agent_run_state"),
        *("agent_rollup", "rollup_gap", "run_rollup", "score_rollup"),
    )
)
"""The log and what is derived from it: the triggers need them all."""


@event.listens_for(Base.metadata, "after_create")
def _create(target: Any, connection: Connection, *, tables: Any, **_: Any) -> None:
    """`metadata.create_all()` makes the triggers too."""
    if {table.name for table in tables} >= DERIVATION_TABLES:
        for statement in DERIVATION_DDL:
            connection.exec_driver_sql(statement)
