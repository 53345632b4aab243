"""SQL that the triggers share with the rooms above, which find it in `app.kit.sql`.

A schema's triggers are compared with the models as text: another text here is a difference that
`runlog schema sync` mends by filling the derived tables again.
"""

IS_SCORED = "jsonb_typeof(rlhf_scores -> 'overall') = 'number'"
"""True of a row of the log whose score is a number; another writer may have left anything there."""


def of_agent_text(agent_id: str) -> str:
    """That a row `run` of the log is of an agent, given as SQL; read from the index on agent and time.

    For a plain `=` PostgreSQL takes an order by agent as given, and may walk the index on `created_at`
    alone: for an agent that seldom reports, through the whole log.
    """
    return f"run.agent_id = ANY (ARRAY[{agent_id}])"
