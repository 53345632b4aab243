"""How much of what OpenClaw says is kept: bounds on what a gateway, or who pretends to be one, can store."""

MOST_SUMMARY = 10_000
"""Characters of a run's summary: the longest answers of agents are a few thousand."""

MOST_TEXT = 4_000
"""Characters of an error or of a command's output, whose end says what went wrong."""

MOST_NAME = 255
"""Characters of a name or an id, as many as the log's columns hold."""

MOST_JOB_ID = 200
"""Characters of a job's id, so that a run's key of at most 255 has room for it; OpenClaw's have 36."""

MOST_EVENTS = 200
"""Events of one batch that are read: a plugin sends a run with its failed tools. Masking one that is full of
credentials takes some milliseconds."""

MOST_JOBS = 5_000
"""Jobs of one list that are read."""

MOST_USAGE_FIELDS = 20
"""Fields of a run's usage; OpenClaw has four."""

MOST_ARGUMENTS = 100
"""Arguments of a command, where these are stored."""

MOST_UNKNOWN = 8_000
"""Characters of the JSON of an event that is not understood; of a longer one its outline is kept."""

MOST_UNKNOWN_AT_ONCE = 50
"""Events of one batch that are kept though they are not understood; of others only the number is."""

MOST_OUTLINE = 100
"""Fields of such an outline."""

MOST_TOOL_FAILURES = 20
"""Failed tools that are recorded with one run; of a loop of failures the first ones tell as much."""

MOST_KEPT = 5_000
"""Events of one kind that are kept in the database, the newest ones."""

ALERT_WAIT_SECONDS = 600
"""How long an alert waits for another word of its job, whose agent it does not name. Other witnesses of the
same run come within seconds, those that a plugin kept while we were away within minutes."""
