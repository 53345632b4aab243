"""The triggers that keep the log append-only: what a run was reported to be is never changed or deleted.

They refuse for everyone, a superuser and a replication role too. Three kinds of change pass:

1. What the product writes later: the score and the silence count. These columns have no trigger.
2. A merge: the transaction has kept a further report of the run in `agent_run_report`, beside the one that
   the row was made of. It may write what all reports say together.
3. An erasure: the transaction has noted it in `agent_run_erasure`. It may make the payload NULL.

So each change of what was reported leaves a row that says who reported or erased what.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, event

from app.models.agent_run_erasure import AgentRunErasure
from app.models.agent_run_log import AgentRunLog
from app.models.agent_run_report import AgentRunReport
from app.models.base import Base
from app.models.triggers import Function, Trigger

_PAYLOAD = ("action_summary", "actions_taken")
_MERGED = ("status", *_PAYLOAD)
_REPORTED = ("id", "agent_id", "run_at", "created_at", *_MERGED)


def _all_columns(model: type[Base]) -> tuple[str, ...]:
    return tuple(column.name for column in model.__table__.columns)


# Of the whole transaction: what a savepoint within it has written is not recognised.
_IN_THIS_TRANSACTION = "xmin = CAST(pg_current_xact_id() AS xid)"


def _erased(run_id: str) -> str:
    return f"EXISTS (SELECT FROM agent_run_erasure WHERE run_id = {run_id} AND {_IN_THIS_TRANSACTION})"


def _among(columns: Sequence[str]) -> str:
    return f"altered <@ '{{{','.join(columns)}}}'"


_MERGE = f"""{_among(_MERGED)} AND (
            SELECT count(*) >= 2 AND bool_or({_IN_THIS_TRANSACTION})
            FROM agent_run_report WHERE run_id = OLD.id
        )"""  # noqa: S608

_ERASE = f"""{_among(_PAYLOAD)} AND NEW.action_summary IS NULL AND NEW.actions_taken IS NULL
        AND {_erased("OLD.id")}"""

# Before the first merge the row of the log is what the report says.
_KEEP_PAYLOAD = f"""{_among(["actions_taken"])} AND OLD.actions_taken IS NULL
        AND CAST(NEW.actions_taken AS text) = (
            SELECT CAST(coalesce(actions_taken, '{{}}') AS text) FROM agent_run_log WHERE id = OLD.run_id
        )"""  # noqa: S608

_ERASE_REPORT = f"""{_among(["actions_taken", "payload_digest"])}
        AND NEW.actions_taken IS NULL AND NEW.payload_digest IS NULL AND {_erased("OLD.run_id")}"""


def _altered(columns: Sequence[str]) -> str:
    """SQL of the names of those `columns` that an UPDATE changes.

    As text: two JSON numbers of the same value may be written another way.
    """
    changes = ",".join(
        f"""
            CASE WHEN CAST(NEW.{name} AS text) IS DISTINCT FROM CAST(OLD.{name} AS text) THEN '{name}' END"""
        for name in columns
    )
    return f"""array_remove(ARRAY[{changes}
        ], NULL)"""


def _body(columns: Sequence[str], *allowed: str) -> str:
    """The function that refuses to delete rows, and to change `columns` but where a condition allows it."""
    passes = "".join(
        f"""
        IF {condition} THEN
            RETURN NEW;
        END IF;"""
        for condition in ("altered = '{}'", *allowed)
    )
    return f"""
DECLARE
    altered text[];
BEGIN
    IF TG_OP = 'UPDATE' THEN
        altered := {_altered(columns)};{passes}
    END IF;
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME,
        TG_OP || coalesce(' of ' || array_to_string(altered, ', '), '')
        USING ERRCODE = 'restrict_violation',
        HINT = 'What was reported of a run is permanent. A further report of it is merged by its run key,'
            ' and its payload can be erased with a row of agent_run_erasure in the same transaction.';
END
"""


_BODIES = {
    AgentRunLog: _body(_REPORTED, _MERGE, _ERASE),
    AgentRunReport: _body(_all_columns(AgentRunReport), _KEEP_PAYLOAD, _ERASE_REPORT),
    AgentRunErasure: _body(_all_columns(AgentRunErasure)),
}


def _triggers(table: str) -> Iterator[Trigger]:
    # One before each update would lock each row that is scored once more.
    updated = f" OF {', '.join(_REPORTED)}" if table == AgentRunLog.__tablename__ else ""
    kinds = {
        "updated": f"AFTER UPDATE{updated} ON {table} FOR EACH ROW",
        "deleted": f"BEFORE DELETE ON {table} FOR EACH ROW",
        "truncated": f"BEFORE TRUNCATE ON {table} FOR EACH STATEMENT",
    }
    for kind, when in kinds.items():
        name = f"{table}_append_only_{kind}"
        definition = f"CREATE TRIGGER {name} {when} EXECUTE FUNCTION {table}_append_only()"
        yield Trigger(name, table, definition, always=True)


GUARD_FUNCTIONS = {
    model.__tablename__: Function(f"{model.__tablename__}_append_only", body)
    for model, body in _BODIES.items()
}
"""The function that refuses, of each table that is append-only."""

GUARD_TRIGGERS = tuple(trigger for table in GUARD_FUNCTIONS for trigger in _triggers(table))
"""The triggers that call these."""


@event.listens_for(Base.metadata, "after_create")
def _create(target: Any, connection: Connection, *, tables: Any, **_: Any) -> None:
    """`metadata.create_all()` makes the triggers too."""
    made = {table.name for table in tables}
    for table, function in GUARD_FUNCTIONS.items():
        if table in made:
            triggers = (trigger for trigger in GUARD_TRIGGERS if trigger.table == table)
            for statement in (*function.ddl, *(sql for trigger in triggers for sql in trigger.ddl)):
                connection.exec_driver_sql(statement)
