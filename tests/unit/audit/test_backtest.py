"""A backtest finds what the live judgement would have found, when it would have."""

import random
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.audit.cadence import Cadence
from app.audit.calibration import HISTORY_DEPTH
from app.audit.domain.backtest import Backtest, judge
from app.audit.domain.evaluation import all_rules, evaluate
from app.audit.domain.finding import FindingKey
from app.audit.domain.history import AgentHistory, ReportedRun
from app.audit.domain.replay import Declaration
from app.audit.domain.transitions import transitions

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
MONDAY = datetime(2026, 8, 31, tzinfo=UTC)
RULES = all_rules(failure_streak=3, silence_streak=3)


def runs(times: Sequence[datetime], statuses: Mapping[int, str] | None = None) -> list[ReportedRun]:
    """Successful runs, but for those of other `statuses`; `silent` is one that says nothing."""
    made, silences = [], 0
    for i, time in enumerate(times):
        status = (statuses or {}).get(i, "success")
        silences = silences + 1 if status == "silent" else 0
        known = "success" if status == "silent" else status
        made.append(ReportedRun(f"run-{i}", known, time, silences, f"did {i}", silent=silences > 0))
    return made


def hourly(count: int, gone: range = range(0)) -> list[datetime]:
    return [MONDAY + i * HOUR for i in range(count) if i not in gone]


def backtest(history: Mapping[str, list[ReportedRun]], **declared: Declaration) -> Backtest:
    result = judge(RULES, history, declared)
    assert result.errors == []
    return result


def spans(result: Backtest) -> list[tuple[str, str, datetime, datetime | None]]:
    return [
        (past.finding.rule, past.finding.agent_id, past.opened_at, past.closed_at) for past in result.found
    ]


def test_a_stop_opens_at_the_deadline_and_closes_with_the_run_that_proves_it() -> None:
    result = backtest({"atlas": runs(hourly(500, gone=range(400, 410)))})
    assert spans(result) == [
        ("stopped_reporting", "atlas", MONDAY + 400 * HOUR + 10 * MINUTE, MONDAY + 410 * HOUR)
    ]
    [past] = result.found
    assert past.finding.evidence["last_run"]["id"] == "run-399"
    assert past.closing_evidence
    assert past.closing_evidence["run"]["id"] == "run-400"


def test_what_has_not_come_back_is_open_at_the_end() -> None:
    history = {"atlas": runs(hourly(400)), "nova": runs(hourly(500))}
    assert spans(backtest(history)) == [
        ("stopped_reporting", "atlas", MONDAY + 400 * HOUR + 10 * MINUTE, None)
    ]


def test_streaks_open_with_the_run_that_makes_them_and_close_with_the_one_that_ends_them() -> None:
    statuses = dict.fromkeys(range(100, 105), "failed") | dict.fromkeys(range(200, 203), "silent")
    assert spans(backtest({"nova": runs(hourly(300), statuses)})) == [
        ("consecutive_failures", "nova", MONDAY + 102 * HOUR, MONDAY + 105 * HOUR),
        ("silent_runs", "nova", MONDAY + 202 * HOUR, MONDAY + 203 * HOUR),
    ]


def test_a_message_is_the_latest_while_it_was_open() -> None:
    [past] = backtest({"nova": runs(hourly(20), dict.fromkeys(range(10, 20), "failed"))}).found
    assert past.finding.message.startswith("nova failed 10 times in a row since ")


def test_what_is_declared_is_judged_by_its_schedule() -> None:
    history = {"nova": runs(hourly(200)), "atlas": runs([MONDAY + 9 * HOUR])}
    declared = {
        "atlas": Declaration(schedule="0 9 * * *", timezone="UTC", grace=30 * MINUTE),
        "lyra": Declaration(schedule="0 12 * * *"),
        "luma": Declaration(),
        "scout": Declaration(schedule="0 9 * * *", paused=True),
        "sage": Declaration(schedule="0 0 31 2 *"),
    }
    found = spans(backtest(history, **declared))
    assert found == [
        ("bad_schedule", "sage", MONDAY, None),
        ("stopped_reporting", "atlas", MONDAY + 33 * HOUR + 30 * MINUTE, None),
        ("never_reported", "lyra", MONDAY + 36 * HOUR, None),
        ("never_reported", "luma", MONDAY + 7 * DAY, None),
        ("never_reported", "sage", MONDAY + 7 * DAY, None),
    ]


def test_a_late_notice_ends_when_the_run_comes_or_the_deadline_passes() -> None:
    times = [MONDAY + day * DAY for day in range(40)]
    late = [*times, times[-1] + DAY + 25 * MINUTE, times[-1] + 3 * DAY]
    found = spans(backtest({"atlas": runs(late)}))
    assert [(rule, closed) for rule, _, _, closed in found] == [
        ("late", late[-2]),
        ("late", found[2][2]),
        ("stopped_reporting", late[-1]),
    ]


def test_a_drop_in_quality_is_found_and_ends() -> None:
    made = [
        ReportedRun(f"run-{i}", "success", at, score=0.4 if 24 * 40 <= i < 24 * 47 else 0.8 + i % 3 / 30)
        for i, at in enumerate(hourly(24 * 60))
    ]
    [past] = backtest({"nova": made}).found
    assert past.finding.rule == "quality_drop"
    assert MONDAY + 40 * DAY < past.opened_at < MONDAY + 44 * DAY
    assert past.closed_at
    assert past.closed_at > MONDAY + 47 * DAY


def test_an_outage_of_all_is_held_against_none() -> None:
    """No agent reports for a day, three weeks in; afterwards one agent does not come back."""
    gone = range(24 * 21, 24 * 22)
    fleet = {f"agent-{n}": runs(hourly(24 * 30, gone)) for n in range(8)}
    [silence] = backtest(fleet).found
    assert silence.finding.rule == "fleet_silent"
    assert MONDAY + 21 * DAY < silence.opened_at < MONDAY + 21 * DAY + 4 * HOUR
    assert silence.closed_at == MONDAY + 22 * DAY
    fleet["agent-3"] = runs(hourly(24 * 21))
    [silence, past] = backtest(fleet).found
    assert past.finding.key == ("stopped_reporting", "agent-3")
    assert past.opened_at > MONDAY + 22 * DAY


def test_after_eight_days_off_each_agent_is_judged_and_none_blamed() -> None:
    """Six agents, known for twelve days, that were off together: of a whole week nothing is known."""
    for days in (8, 15, 16, 40):
        gone = range(24 * 12, 24 * (12 + days))
        fleet = {f"agent-{n}": runs(hourly(24 * (days + 20), gone)) for n in range(6)}
        assert [past.finding.rule for past in backtest(fleet).found] == ["fleet_silent"]


def test_a_crash_is_told_once_and_hits_its_rule_alone() -> None:
    declared = {"atlas": Declaration(registered_at=datetime(9999, 12, 31, tzinfo=UTC))}
    result = judge(RULES, {"nova": runs(hourly(30), dict.fromkeys(range(20, 25), "failed"))}, declared)
    assert [(error.rule, error.agent_id) for error in result.errors] == [("never_reported", "atlas")]
    assert [past.finding.key for past in result.found] == [
        ("not_judged", "atlas"),
        ("consecutive_failures", "nova"),
    ]


def test_a_cadence_that_cannot_be_learned_is_an_error_of_its_agent_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    observe = Cadence.observe

    def fail_at_one_moment(cadence: Cadence, moment: float) -> None:
        if moment == (MONDAY + 30 * HOUR).timestamp():
            raise ZeroDivisionError("no luck")
        observe(cadence, moment)

    monkeypatch.setattr(Cadence, "observe", fail_at_one_moment)
    odd, stopped = runs(hourly(500)), runs([moment + MINUTE for moment in hourly(300)])
    result = judge(RULES, {"nova": odd, "atlas": stopped}, {})
    assert {(error.rule, error.agent_id) for error in result.errors} == {
        ("stopped_reporting", "nova"),
        ("late", "nova"),
    }
    assert [(past.finding.key, past.closed_at) for past in result.found] == [
        (("not_judged", "nova"), None),
        (("stopped_reporting", "atlas"), None),
    ]


def test_nothing_is_found_in_nothing() -> None:
    assert backtest({}) == Backtest([], [])


CYCLE = 20 * MINUTE


def stepped(made: Sequence[ReportedRun], end: datetime) -> list[tuple[str, datetime, datetime | None]]:
    """What the live cycle finds over the same runs, every `CYCLE`."""
    open_findings: dict[FindingKey, datetime | None] = {}
    since: dict[FindingKey, datetime] = {}
    found, times, now = [], [run.created_at for run in made], made[0].created_at
    learned = cache(lambda known: Cadence.of(times[:known]))
    while now <= end + CYCLE:
        known = bisect_right(times, now)
        newest = tuple(reversed(made[max(0, known - HISTORY_DEPTH) : known]))
        history = AgentHistory("nova", now, newest, learned(known))
        verdict = evaluate(RULES, history, {rule for rule, _ in open_findings})
        changes = transitions(RULES, open_findings, {"nova": history}, [verdict])
        for key in changes.closed:
            found.append((key[0], since.pop(key), now))
            del open_findings[key]
        for finding in [*changes.opened, *changes.persisting]:
            open_findings[finding.key] = finding.last_run_at
            since.setdefault(finding.key, now)
        now += CYCLE
    return sorted([*found, *((rule, at, None) for (rule, _), at in since.items())], key=lambda each: each[1])


@settings(deadline=None, max_examples=6)
@given(st.integers(40, 400), st.floats(0, 0.2), st.randoms(use_true_random=False))
def test_it_finds_what_the_live_cycle_finds(minutes: int, jitter: float, chance: random.Random) -> None:
    step = minutes * MINUTE
    gone = range(40, 40 + chance.randrange(20))
    times = [MONDAY + (i + chance.random() * jitter) * step for i in range(80) if i not in gone]
    bad = chance.choice(["failed", "silent", "success"])
    first = chance.randrange(5, 60)
    statuses = dict.fromkeys(range(first, first + chance.randrange(12)), bad)
    made = runs(times, statuses)
    result = judge(RULES, {"nova": made, "clock": runs([times[-1] + DAY])}, {})
    expected = [past for past in result.found if past.finding.agent_id == "nova"]
    # What begins and ends between two cycles, the live cycle may not see.
    seen = [past for past in expected if not past.closed_at or past.closed_at - past.opened_at > CYCLE]
    end = times[-1] + DAY
    cycles = {(rule, at) for rule, at, _ in stepped(made, end)}
    for past in seen:
        opened = [at for rule, at in cycles if rule == past.finding.rule]
        assert any(past.opened_at <= at < past.opened_at + CYCLE for at in opened), past
    # The last cycle is after the end of the history, where a backtest judges no more.
    for rule, at in ((rule, at) for rule, at in cycles if at <= end):
        assert any(
            past.finding.rule == rule and past.opened_at <= at < past.opened_at + CYCLE for past in expected
        )


@pytest.mark.parametrize("period", [timedelta(minutes=7), HOUR, DAY, timedelta(days=7)])
def test_a_perfectly_regular_agent_raises_nothing(period: timedelta) -> None:
    assert backtest({"nova": runs([MONDAY + i * period for i in range(300)])}).found == []
