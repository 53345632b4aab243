"""SQL that the triggers share with the rooms above, which find it in `app.kit.sql`.

A schema's triggers are compared with the models as text: another text here is a difference that
`runlog schema sync` mends by filling the derived tables again.
"""

IS_SCORED = "jsonb_typeof(rlhf_scores -> 'overall') = 'number'"
"""True of a row of the log whose score is a number; another writer may have left anything there."""

MAY_BE_SCORED = "rlhf_scores -> 'erased' IS NULL"
"""True of a row of the log but where its payload was erased before it had a score."""

SHOWS_RESULT = (
    "rlhf_scores ->> 'scorer' IN ('rubric', 'reward') AND jsonb_typeof(rlhf_scores -> 'version') = 'string'"
    " AND length(rlhf_scores ->> 'version') <= 255 AND jsonb_typeof(rlhf_scores -> 'auto') = 'number'"
    " AND jsonb_typeof(rlhf_scores -> 'scored_at') = 'string'"
)
"""True of a row of the log that shows the result of a scorer which needs no row of `agent_run_score`."""

# A run that is dated in the future is not the newest: a clock was wrong, and the agent's runs go on from the
# present.
NOT_AHEAD = "created_at <= statement_timestamp() + interval '1 minute'"
"""True of a run that may be its agent's newest."""


def of_agent_text(agent_id: str) -> str:
    """That a row `run` of the log is of an agent, given as SQL; read from the index on agent and time.

    For a plain `=` PostgreSQL takes an order by agent as given, and may walk the index on `created_at`
    alone: for an agent that seldom reports, through the whole log.
    """
    return f"run.agent_id = ANY (ARRAY[{agent_id}])"


AGENT_BY_AGENT = "enable_incremental_sort=off"
"""The setting under which the newest runs of an agent are read from the index on agent and time in any log.

The planner does not see that an array of one agent leaves one agent. In a log that was written agent by
agent, as by an import, it takes the index on the agent alone, and sorts all runs of the agent for the newest
few. Pages of runs, whose order ends with the id, need such sorts.
"""


def newest_runs_text(columns: str, condition: str, limit: str, agent_id: str | None = None) -> str:
    """SQL of the newest runs, called `run`, of an agent or of all; every argument is SQL.

    An agent's are read from the index on agent and time.
    """
    whose, order = (f"{of_agent_text(agent_id)} AND ", "run.agent_id, ") if agent_id else ("", "")
    return f"""SELECT {columns} FROM agent_run_log AS run
    WHERE {whose}{condition}
    ORDER BY {order}created_at DESC
    LIMIT {limit}"""  # noqa: S608


def newest_run_text(columns: str, agent_id: str) -> str:
    """SQL of an agent's newest run; of several of one moment, the one with the greatest id.

    Read from the index on agent and time under `AGENT_BY_AGENT`.
    """
    newest = newest_runs_text("created_at", NOT_AHEAD, "1", agent_id)
    return f"""SELECT {columns} FROM agent_run_log AS run
    WHERE {of_agent_text(agent_id)} AND created_at = ({newest})
    ORDER BY id DESC
    LIMIT 1"""  # noqa: S608


def last_success_text(columns: str, agent_id: str) -> str:
    """SQL of an agent's newest success that has a date."""
    return newest_runs_text(columns, "status = 'success' AND created_at IS NOT NULL", "1", agent_id)
