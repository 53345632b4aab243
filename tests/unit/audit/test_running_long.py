"""How long a run may take, and which of those that started are under way."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from app.audit.cadence import Outage, Outages
from app.audit.cadence.calibration import LEAST_GRACE
from app.audit.domain.evaluation import all_rules, evaluate
from app.audit.domain.evidence import facts
from app.audit.domain.history import AgentHistory, ReportedRun
from app.audit.domain.running import RunStart, usual_length
from app.audit.domain.running_long import RunningLong
from app.audit.domain.usage import Amount

NOON = datetime(2026, 9, 1, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
RULES = all_rules(failure_streak=3, silence_streak=3)


def lengths(minutes: list[float]) -> tuple[Amount, ...]:
    """Of hourly runs, newest first."""
    return tuple(Amount(NOON - place * HOUR, 60 * each) for place, each in enumerate(minutes))


def limit(minutes: list[float], grace: timedelta | None = None) -> timedelta:
    return usual_length(lengths(minutes), DAY, grace).limit


def nova(ago: timedelta, minutes: list[float], **known: object) -> AgentHistory:
    """An agent that started a run `ago`, at noon; its last report came an hour before that."""
    start = RunStart("key", NOON - ago, NOON - ago)
    run = ReportedRun("run-1", "success", NOON - ago - HOUR, summary="did it")
    history = AgentHistory("nova", NOON, (run,), starts=(start,), durations=lengths(minutes))
    return replace(history, **known)  # type: ignore[arg-type]


def is_long(history: AgentHistory) -> bool:
    return RunningLong().check(history) is not None


def test_it_says_for_how_long_and_what_is_usual() -> None:
    found = RunningLong().check(nova(3 * HOUR, [4.0, 3.0, 6.0] * 20))
    assert found
    assert found.message == (
        "nova has been running for 3 h, usually 4 min (at most 6 min); the run started at 09:00 UTC"
    )
    assert (found.began_at, found.last_run_at) == (NOON - 3 * HOUR, NOON - 4 * HOUR)
    shown = {fact.label: fact.text or fact.moment for fact in facts(found.evidence)}
    assert shown["Started"] == NOON - 3 * HOUR
    assert shown["Key of the run"] == "key"
    assert str(shown["Time"]).startswith("3 h; usual 4 min, at most 6 min, too long from ")


def test_without_known_runs_it_says_so() -> None:
    found = RunningLong().check(nova(DAY + HOUR, []))
    assert found
    assert found.message.endswith(", and how long its runs take is not known yet")
    assert {fact.label: fact.text for fact in facts(found.evidence)}["Time"] == (
        "1 day 1 h; what is usual is not known, too long from 1 day"
    )


@pytest.mark.parametrize(("known", "expected"), [(0, DAY), (4, DAY), (5, 80 * MINUTE), (29, 80 * MINUTE)])
def test_of_few_runs_little_is_known(known: int, expected: timedelta) -> None:
    assert limit([4.0] * known) == expected


def test_of_few_runs_one_that_hung_counts_for_nothing() -> None:
    assert limit([4.0] * 9 + [4000.0]) == 80 * MINUTE


@pytest.mark.parametrize("sigma", [0.1, 0.5, 1.0])
def test_the_limit_grows_with_how_much_runs_differ(sigma: float) -> None:
    chance = random.Random(1)
    minutes = [12 * chance.lognormvariate(0, sigma) for _ in range(300)]
    assert 2 * max(minutes) * MINUTE * 0.999 <= limit(minutes) < 200 * max(minutes) * MINUTE


def test_the_same_run_is_longer_beside_even_ones() -> None:
    limits = [
        limit([12 * random.Random(place).lognormvariate(0, sigma) for place in range(300)])
        for sigma in (0.1, 0.4, 0.8)
    ]
    assert all(less < more for less, more in pairwise(limits))


def test_runs_that_hung_and_were_recorded_do_not_hide_the_next() -> None:
    usual = [4.0 + place % 3 for place in range(294)]
    assert limit([*usual, *[3000.0] * 6]) == limit(usual)
    assert limit([*usual, *[3000.0] * 30]) > 3000 * MINUTE


def test_no_limit_is_below_some_minutes_or_the_grace() -> None:
    assert limit([0.0, 0.01] * 100) == LEAST_GRACE
    assert limit([4.0] * 100, grace=6 * HOUR) == 6 * HOUR


@pytest.mark.parametrize("minutes", [[1e-9, 1e9] * 100, [1e12] * 100, [5e-324] * 40])
def test_any_lengths_have_a_limit(minutes: list[float]) -> None:
    assert timedelta() < limit(minutes) <= timedelta(days=35)


@pytest.mark.parametrize(
    ("schedule", "too_long"), [("*/5 * * * *", HOUR), ("0 */2 * * *", 6 * HOUR), ("0 9 * * 1", DAY)]
)
def test_where_no_run_is_known_the_schedule_tells(schedule: str, too_long: timedelta) -> None:
    assert not is_long(nova(too_long - MINUTE, [], schedule=schedule))
    assert is_long(nova(too_long, [], schedule=schedule))


def test_a_run_that_may_have_ended_in_an_outage_is_not_said_to_hang() -> None:
    hangs, noon = nova(3 * HOUR, [4.0] * 60), NOON.timestamp()
    assert is_long(hangs)
    for start, end in ((-10_800 + 60, -10_800 + 120), (-20_000, -10_700), (-10_500, 0)):
        outage = Outages([Outage(noon + start, noon + end)])
        assert not is_long(replace(hangs, unreachable=outage))
    assert is_long(replace(hangs, unreachable=Outages([Outage(noon - 3600, noon)])))
    # A holiday is no outage of the product.
    assert is_long(replace(hangs, outages=Outages([Outage(noon - 90_000, noon + 90_000)])))


def test_after_a_pause_it_is_waited_again() -> None:
    hangs = nova(3 * HOUR, [4.0] * 60)
    assert not is_long(replace(hangs, watching_since=NOON - 5 * MINUTE))
    assert is_long(replace(hangs, watching_since=NOON - HOUR))


def test_an_agent_that_goes_on_has_lost_the_run() -> None:
    hangs = nova(3 * HOUR, [4.0] * 60)
    for ago, long in ((3 * HOUR - 4 * MINUTE, True), (HOUR, False)):
        run = ReportedRun("run-2", "success", NOON - ago)
        history = replace(hangs, runs=(run, *hangs.runs))
        assert is_long(history) is long
        assert (history.running is not None) is long


def test_the_one_under_way_for_longest_counts() -> None:
    hangs = nova(3 * HOUR, [4.0] * 60)
    newer = RunStart("newer", NOON - MINUTE, NOON - MINUTE)
    found = RunningLong().check(replace(hangs, starts=(newer, *hangs.starts)))
    assert found
    assert found.evidence["run_key"] == "key"


def test_while_a_run_may_take_as_long_nothing_is_overdue() -> None:
    runs = tuple(ReportedRun(f"run-{n}", "success", NOON - DAY - n * HOUR) for n in range(50))
    overdue = AgentHistory("nova", NOON, runs, schedule="0 * * * *")
    assert [each.rule for each in evaluate(RULES, overdue).findings] == ["stopped_reporting"]
    for ago, expected in ((5 * MINUTE, []), (3 * HOUR, ["stopped_reporting", "running_long"])):
        start = RunStart(None, NOON - ago, NOON - ago)
        running = replace(overdue, starts=(start,), durations=lengths([4.0] * 60))
        assert [each.rule for each in evaluate(RULES, running).findings] == expected
    new = AgentHistory("new", NOON, schedule="0 * * * *", registered_at=NOON - DAY)
    assert [each.rule for each in evaluate(RULES, new).findings] == ["never_reported"]
    assert evaluate(RULES, replace(new, starts=(RunStart(None, NOON, NOON),))).findings == ()
