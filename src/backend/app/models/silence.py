"""The trigger that counts silence in the rows that plain SQL inserts into the log.

`app.runs.silence` says the rule for reports; here it is once more, for PostgreSQL. Our writer counts silence
itself and announces that (`runlog.writer`), so its rows only pass the trigger's condition.

For each other row the function does this, locking nothing and waiting for no other transaction:

1. A row dated by default carries the time of its transaction, which others of the agent may share or have
   overtaken: it is dated right after the agent's newest run then.
2. A silent row without a count of its own gets one more than the agent's run before it has.

So two transactions that are open at once may count an agent's runs from the same predecessor. A row that
cannot be judged (in a table that differs from the models') is kept with the count it has.
"""

from collections.abc import Iterable

from app.models.fragments import AGENT_BY_AGENT, NOT_AHEAD, newest_runs_text
from app.silent_texts import (
    BLANKS,
    ENVELOPE,
    ENVELOPE_OUTSIDE_LISTS,
    NAME_SEPARATORS,
    NO_OP,
    PROCESS_FIELDS,
    QUIET_TEXT_SQL,
    field_names,
)

SILENCE_COUNTED = "agent_run_log_silence_counted"
"""The name of both the trigger and its function."""

SILENCE_SETTINGS = ("enable_sort=off", AGENT_BY_AGENT)
"""The function's. A session keeps the plan that it made while the log was small: if that sorts the agent's
runs, the time of a large insert would grow with the square of its rows."""

_LARGEST_COUNT = 2**31 - 1  # of an integer column

_PREVIOUS = "created_at, consecutive_silence_count"
_NEWEST = newest_runs_text(_PREVIOUS, NOT_AHEAD, "1", "NEW.agent_id")
_NEWEST_BEFORE = newest_runs_text(_PREVIOUS, "created_at < NEW.created_at", "1", "NEW.agent_id")


def _quoted(text: str) -> str:
    """A literal that means the same whatever `standard_conforming_strings` is, and survives being printed."""
    escaped = text.replace("\\", "\\\\").replace("'", "''")
    return "E'" + "".join(each if " " <= each <= "~" else f"\\U{ord(each):08x}" for each in escaped) + "'"


def _is_any_of(name: str, names: Iterable[str]) -> str:
    return f"{name} = ANY ('{{{','.join(sorted(names))}}}')"


_NAME = f"translate(lower(key COLLATE \"C\"), '{NAME_SEPARATORS}', '')"
_ENVELOPE = _is_any_of(_NAME, field_names(*ENVELOPE.values()))
_OUTSIDE_LISTS = _is_any_of(_NAME, field_names(*ENVELOPE_OUTSIDE_LISTS.values(), PROCESS_FIELDS))
_IS_NO_OP = f"value = 'true' AND {_NAME} = '{NO_OP}'"
_NOT_QUIET = f'COLLATE "C" !~ {_quoted(QUIET_TEXT_SQL)}'


def _holds_output(document: str) -> str:
    """SQL that is true where `document`, SQL of a JSON value, holds output or declares a no-op."""
    return f"""(EXISTS (
            WITH RECURSIVE part (value, in_list, at_top) AS (
                SELECT {document}, false, true
                UNION ALL
                SELECT child.value, child.in_list, false
                FROM part CROSS JOIN LATERAL (
                    SELECT value, in_list
                    FROM jsonb_each(CASE jsonb_typeof(part.value) WHEN 'object' THEN part.value END)
                    WHERE NOT {_ENVELOPE}
                        AND (in_list OR NOT {_OUTSIDE_LISTS})
                        AND NOT (at_top AND {_IS_NO_OP})
                    UNION ALL
                    SELECT value, true
                    FROM jsonb_array_elements(CASE jsonb_typeof(part.value) WHEN 'array' THEN part.value END)
                ) AS child (value, in_list)
            )
            SELECT FROM part
            WHERE CASE jsonb_typeof(value)
                WHEN 'number' THEN true
                WHEN 'boolean' THEN true
                WHEN 'string' THEN value #>> '{{}}' {_NOT_QUIET}
                ELSE false
            END
        )
        OR CASE WHEN jsonb_typeof({document} -> 'reason') = 'string'
            AND {document} ->> 'reason' COLLATE "C" ~ {_quoted(f"[^{BLANKS}]")}
            THEN EXISTS (SELECT FROM jsonb_each({document}) WHERE {_IS_NO_OP})
            ELSE false
        END)"""  # noqa: S608


def is_silent_text(run: str) -> str:
    """SQL of whether a row of the log, called `run`, is silent, also where it was stored by a narrower rule.

    A summary with output is believed without a look at the payload, and so is a count; and where the payload
    was erased, that there is none.
    """
    return f"""CASE WHEN {run}.consecutive_silence_count > 0 THEN true
        WHEN {run}.action_summary {_NOT_QUIET} OR {run}.actions_taken IS NULL THEN false
        ELSE NOT {_holds_output(f"{run}.actions_taken")}
    END"""


COUNT_SILENCE = f"""
DECLARE
    previous_at timestamptz;
    previous_count integer;
BEGIN
    IF NEW.created_at = now() THEN
        SELECT * INTO previous_at, previous_count FROM ({_NEWEST}) AS previous;
        IF previous_at >= NEW.created_at THEN
            IF NEW.run_at = NEW.created_at THEN
                NEW.run_at := previous_at + interval '1 microsecond';
            END IF;
            NEW.created_at := previous_at + interval '1 microsecond';
        END IF;
    END IF;
    IF NEW.consecutive_silence_count <> 0 THEN
        RETURN NEW;
    END IF;
    IF jsonb_typeof(NEW.actions_taken -> 'summary') = 'string'
        AND NEW.actions_taken ->> 'summary' {_NOT_QUIET}
    THEN
        RETURN NEW;
    END IF;
    IF NEW.actions_taken <> '{{}}' THEN
        IF {_holds_output("NEW.actions_taken")} THEN
            RETURN NEW;
        END IF;
    END IF;
    IF previous_at IS NULL THEN
        SELECT * INTO previous_at, previous_count FROM ({_NEWEST_BEFORE}) AS previous;
    END IF;
    NEW.consecutive_silence_count := 1 + least(greatest(previous_count, 0), {_LARGEST_COUNT - 1});
    RETURN NEW;
EXCEPTION WHEN program_limit_exceeded OR syntax_error_or_access_rule_violation OR data_exception THEN
    RETURN NEW;
END
"""  # noqa: S608
