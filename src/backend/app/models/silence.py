"""The trigger that counts silence in the rows that plain SQL inserts into the log.

`app.runs.silence` says the rule for reports; here it is once more, for PostgreSQL. Our writer counts silence
itself and announces that (`runlog.writer`), so its rows only pass the trigger's condition.

For each other row the function does this, locking nothing and waiting for no other transaction:

1. A row dated by default carries the time of its transaction, which others of the agent may share or have
   overtaken: it is dated right after the agent's newest run then.
2. A silent row without a count of its own gets one more than the agent's run before it has.

So two transactions that are open at once may count an agent's runs from the same predecessor. A row that
cannot be judged (nested too deep, or in a table that differs from the models') is kept with the count it has.
"""

from app.models.fragments import NOT_AHEAD, newest_runs_text
from app.silent_texts import BLANKS, QUIET_REPLIES

SILENCE_COUNTED = "agent_run_log_silence_counted"
"""The name of both the trigger and its function."""

SILENCE_SETTINGS = ("enable_sort=off",)
"""The function's. A session keeps the plan that it made while the log was small: if that sorts the agent's
runs, the time of a large insert would grow with the square of its rows."""

_LARGEST_COUNT = 2**31 - 1  # of an integer column

_PREVIOUS = "created_at, consecutive_silence_count"
_NEWEST = newest_runs_text(_PREVIOUS, NOT_AHEAD, "1", "NEW.agent_id")
_NEWEST_BEFORE = newest_runs_text(_PREVIOUS, "created_at < NEW.created_at", "1", "NEW.agent_id")

_BLANKS = "".join(f"\\\\u{ord(blank):04x}" for blank in BLANKS)
_QUIET_SUMMARY = f'strict $.summary like_regex "^[{_BLANKS}]*({"|".join(QUIET_REPLIES)})[{_BLANKS}]*$"'
# What is left of a document at any depth; in strict mode arrays are not unwrapped a second time.
_OUTPUT = f"""strict $.** ? (
            @ like_regex "[^{_BLANKS}]" || @.type() == "number" || @.type() == "boolean"
        )"""

COUNT_SILENCE = f"""
DECLARE
    output jsonb;
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
    output := NEW.actions_taken;
    IF jsonb_path_match(output, 'strict $.no_op == true', silent => true) THEN
        output := output - 'no_op';
    END IF;
    IF jsonb_path_match(output, E'{_QUIET_SUMMARY}', silent => true) THEN
        output := output - 'summary';
    END IF;
    IF jsonb_path_exists(output, E'{_OUTPUT}') THEN
        RETURN NEW;
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
