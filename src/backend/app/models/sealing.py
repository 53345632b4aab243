"""The triggers that note, in the transaction itself, what is to be sealed.

What they note is committed with the change or not at all, so each committed row is sealed, and once. They
change nothing else, wait for no other transaction and read nothing but what is being changed.
"""

from typing import Any

from sqlalchemy import Connection, event

from app.models.base import Base
from app.models.triggers import Function, Trigger

CHUNK = 1_000
"""Run ids in a row of what is pending, at most: the sealer takes whole rows."""

EVENT_TABLES = (
    "agent",
    "agent_run_archive",
    "agent_run_feedback",
    "agent_run_report",
    "alert_attempt",
    "alert_notification",
    "audit_finding",
)
"""The tables of which each change is sealed: who changed what, and when."""

_NOTED_TABLES = (*EVENT_TABLES, "agent_run_erasure")  # whose rows have entries of a kind of their own

SEALING_TABLES = frozenset(("agent_run_log", "seal_pending", *_NOTED_TABLES))
"""What is sealed, and where that is noted: the triggers need them all."""

# Of reports the payload is left out: it is in the run's own entry, which commits to it and can be erased.
ROW = "to_jsonb({}) - '{{actions_taken,payload_digest}}'::text[]"
"""SQL of a row as it is sealed, to be formatted with SQL of the row."""


def _ids_of(runs: str) -> str:
    return f"""SELECT array_agg(id) AS run_ids
        FROM (SELECT id, (row_number() OVER () - 1) / {CHUNK} AS chunk FROM {runs}) AS run
        GROUP BY chunk"""  # noqa: S608


_RECORDED = f"""
BEGIN
    INSERT INTO seal_pending (kind, run_ids) SELECT 'run', run_ids FROM ({_ids_of("new_runs")}) AS noted;
    RETURN NULL;
END
"""  # noqa: S608

_SCORED = f"""
BEGIN
    INSERT INTO seal_pending (kind, run_ids) SELECT 'scores', run_ids
    FROM ({
    _ids_of(
        "old_runs AS before JOIN new_runs AS after USING (id)"
        " WHERE before.rlhf_scores IS DISTINCT FROM after.rlhf_scores"
    )
}) AS noted;
    RETURN NULL;
END
"""  # noqa: S608

_MERGED = """
BEGIN
    INSERT INTO seal_pending (kind, run_ids) VALUES ('merge', ARRAY[NEW.id]);
    RETURN NULL;
END
"""

_CHANGED = f"""
BEGIN
    INSERT INTO seal_pending (kind, content) VALUES ('event', jsonb_build_object(
        'table', TG_TABLE_NAME,
        'operation', lower(TG_OP),
        'row', {ROW.format("coalesce(NEW, OLD)")}
    ));
    RETURN NULL;
END
"""  # noqa: S608

SEALING_FUNCTIONS = (
    Function("agent_run_log_seal_recorded", _RECORDED),
    Function("agent_run_log_seal_scored", _SCORED),
    Function("agent_run_log_seal_merged", _MERGED),
    # Else the moments in a row would be written as the session writes them.
    Function("seal_event", _CHANGED, ("TimeZone=utc",)),
)


def _trigger(name: str, table: str, fires: str, function: str) -> Trigger:
    ddl = f"CREATE TRIGGER {name} AFTER {fires} EXECUTE FUNCTION {function}()"
    return Trigger(name, table, ddl)


SEALING_TRIGGERS = (
    _trigger(
        "agent_run_log_seal_recorded",
        "agent_run_log",
        "INSERT ON agent_run_log REFERENCING NEW TABLE AS new_runs FOR EACH STATEMENT",
        "agent_run_log_seal_recorded",
    ),
    _trigger(
        "agent_run_log_seal_scored",
        "agent_run_log",
        "UPDATE ON agent_run_log REFERENCING OLD TABLE AS old_runs NEW TABLE AS new_runs FOR EACH STATEMENT",
        "agent_run_log_seal_scored",
    ),
    # Not for a payload that is erased: its entry stays.
    _trigger(
        "agent_run_log_seal_merged",
        "agent_run_log",
        "UPDATE OF action_summary, actions_taken ON agent_run_log FOR EACH ROW"
        " WHEN (new.actions_taken IS NOT NULL)",
        "agent_run_log_seal_merged",
    ),
    *(
        _trigger(
            f"{table}_seal_event", table, f"INSERT OR DELETE OR UPDATE ON {table} FOR EACH ROW", "seal_event"
        )
        for table in _NOTED_TABLES
    ),
)


@event.listens_for(Base.metadata, "after_create")
def _create(target: Any, connection: Connection, *, tables: Any, **_: Any) -> None:
    """`metadata.create_all()` makes the triggers too."""
    if {table.name for table in tables} >= SEALING_TABLES:
        functions = (statement for function in SEALING_FUNCTIONS for statement in function.ddl)
        for statement in (*functions, *(sql for trigger in SEALING_TRIGGERS for sql in trigger.ddl)):
            connection.exec_driver_sql(statement)
