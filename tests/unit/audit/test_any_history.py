"""No history ends a judgement: gaps of months, odd clocks, schedules of every kind."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate

from hypothesis import given, settings
from hypothesis import strategies as st

from app.audit.cadence import Cadence, Outage, Outages
from app.audit.calibration import HISTORY_DEPTH
from app.audit.domain.backtest import judge
from app.audit.domain.evaluation import all_rules, evaluate
from app.audit.domain.history import AgentHistory, ReportedRun
from app.audit.domain.replay import Declaration

EXAMPLES = int(os.environ.get("RUNLOG_TEST_EXAMPLES", "0"))
"""How many random histories a search for new cases tries; a run of all tests tries the same few each time."""

START = datetime(2026, 2, 2, tzinfo=UTC)
MINUTE, DAY = 60, 86_400
MOST_RUNS = st.sampled_from([3, 3, 12, 40])  # of a stretch: the time of an example grows with them
RULES = all_rules(failure_streak=3, silence_streak=3)

# Seconds between runs: of the usual schedules, and any up to eight months.
STEPS = st.sampled_from(
    [MINUTE, 5 * MINUTE, 900, 3_000, 3_600, 7_200, 8 * 3_600, DAY, 7 * DAY]
) | st.integers(0, 3 * DAY)
GAPS = st.sampled_from([0, 1, 8 * DAY, 15 * DAY, 16 * DAY, 35 * DAY, 36 * DAY, 43 * DAY]) | st.integers(
    0, 240 * DAY
)


@st.composite
def reports(draw: st.DrawFn) -> list[int]:
    """Seconds at which an agent reports: a few stretches on one schedule each, with gaps in between."""
    gaps: list[int] = []
    for _ in range(draw(st.integers(1, 4))):
        step, jitter = draw(STEPS), draw(st.sampled_from([0, 0, 20, 700, 5_000]))
        count = min(draw(st.integers(1, 21)) * DAY // max(step, 1) + 1, draw(MOST_RUNS))
        seed = draw(st.integers(0, 1_000_000))
        gaps.append(draw(GAPS))
        gaps += [step + (seed * (i + 1) * 7_919) % (jitter + 1) for i in range(count)]
    return list(accumulate(gaps))


@st.composite
def fleets(draw: st.DrawFn) -> dict[str, list[int]]:
    """Agents that share a schedule and gaps, or have their own."""
    shared = draw(reports())
    count = draw(st.integers(1, 3))
    own = draw(st.lists(reports(), max_size=1))
    fleet = {f"agent-{i}": [moment + 11 * i for moment in shared] for i in range(count)}
    return fleet | {f"other-{i}": times for i, times in enumerate(own)}


def runs(times: Sequence[int], status_seed: int) -> list[ReportedRun]:
    made, silences = [], 0
    for i, moment in enumerate(times):
        dice = (status_seed * (i + 3)) % 11
        silences = silences + 1 if dice == 1 else 0
        status = "failed" if dice == 0 else "partial" if dice == 2 else "success"
        score = None if dice == 3 else dice / 11
        made.append(
            ReportedRun(f"run-{i}", status, START + timedelta(seconds=moment), silences, "did it", score)
        )
    return made


@settings(max_examples=EXAMPLES or 20, derandomize=not EXAMPLES)
@given(
    fleets(),
    st.integers(0, 10_000),
    st.sampled_from([None, None, "0 3 * * *", "*/15 9-17 * * 1-5", "every 2h", "0 0 30 2 *", "30 2 * * 0"]),
    st.sampled_from(["UTC", "Europe/Berlin", "Asia/Shanghai"]),
)
def test_every_agent_is_judged_over_any_history(
    fleet: dict[str, list[int]], status_seed: int, schedule: str | None, timezone: str
) -> None:
    history = {agent_id: runs(times, status_seed) for agent_id, times in fleet.items()}
    declared = {"agent-0": Declaration(schedule, timezone)} if schedule else {}
    assert judge(RULES, history, declared).errors == []


@settings(max_examples=EXAMPLES or 20, derandomize=not EXAMPLES)
@given(reports(), st.lists(GAPS, min_size=1, max_size=3), st.data())
def test_an_agent_is_judged_at_any_time_after_its_last_run(
    times: list[int], later: list[int], data: st.DataObject
) -> None:
    made = runs(times, 1)
    starts = data.draw(st.lists(st.sampled_from(times), max_size=3))
    begins = [(START + timedelta(seconds=start)).timestamp() for start in starts]
    outages = Outages(Outage(begin, begin + data.draw(GAPS)) for begin in begins)
    cadence = Cadence.of((run.created_at for run in made), outages)
    newest_first = tuple(reversed(made[-HISTORY_DEPTH:]))
    for seconds in accumulate(later):
        now = newest_first[0].created_at + timedelta(seconds=seconds)
        history = AgentHistory("nova", now, newest_first, cadence, outages=outages)
        assert evaluate(RULES, history).errors == ()
