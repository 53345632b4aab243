"""Fragments that exist as text and for SQLAlchemy say the same."""

from sqlalchemy import column
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import aliased

from app.kit.sql import newest_of_agent, newest_runs_text, of_agent, of_agent_text
from app.models import AgentRunLog

RUN = aliased(AgentRunLog, name="run")


def plain(sql: object) -> str:
    """On one line, without labels of our own."""
    return " ".join(str(sql).split())


def test_the_condition_on_the_agent_is_the_same() -> None:
    compiled = of_agent(column("agent_id"), RUN).compile(dialect=postgresql.dialect())
    assert plain(compiled) == of_agent_text("agent_id")


def test_the_newest_runs_are_ordered_the_same() -> None:
    newest = newest_of_agent([AgentRunLog.id], column("x"), 7, AgentRunLog.status == "failed")
    options = {"literal_binds": True}
    compiled = plain(newest.compile(dialect=postgresql.dialect(), compile_kwargs=options))
    as_text = plain(newest_runs_text("run.id", "run.status = 'failed'", "7", "x"))
    assert compiled.replace("agent_run_log.", "run.") == as_text.replace(" AS run", "").replace(
        " created_at DESC", " run.created_at DESC"
    )
