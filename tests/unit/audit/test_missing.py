"""Agents that are missing together are one finding, and nothing is held against them afterwards."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.audit.cadence import Attendance
from app.audit.domain.backtest import judge
from app.audit.domain.evaluation import all_rules
from app.audit.domain.history import ReportedRun
from app.audit.domain.missing import MissingGroup, Overdue, agents_missing, regroup
from app.audit.domain.replay import PastFinding

MONDAY = datetime(2026, 8, 31, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
RULES = all_rules(failure_streak=3, silence_streak=3)
SOME_MISSING = Attendance(usual=14, some_missing=True)


def judged(fleet: dict[str, Sequence[datetime]]) -> list[PastFinding]:
    history = {
        name: [ReportedRun("", "success", at, summary="did it") for at in times]
        for name, times in fleet.items()
    }
    return judge(RULES, history, {}).found


def hourly(number: int, *, gone: tuple[int, int] = (0, 0), until: int = 600) -> list[datetime]:
    """Reports of an hourly agent, with the first and last hour in which it is away."""
    hours = [hour for hour in range(until) if not gone[0] <= hour < gone[1]]
    return [MONDAY + (hour + number / 60) * HOUR for hour in hours]


def working(number: int, *, off: Sequence[int] = (), until: int = 60) -> list[datetime]:
    """Reports of an agent of working hours, on weekdays that are not `off`."""
    days = [day for day in range(until) if day % 7 < 5 and day not in off]
    return [MONDAY + day * DAY + (hour + number / 60) * HOUR for day in days for hour in range(8, 17)]


def rules(found: list[PastFinding]) -> list[str]:
    return [past.finding.rule for past in found]


def test_twelve_of_fourteen_that_are_lost_are_one_finding_within_hours() -> None:
    lost = {f"agent-{n:02}": hourly(n, until=500) for n in range(12)}
    [past] = judged(lost | {f"other-{n}": hourly(20 + n) for n in range(2)})
    assert past.finding.rule == "agents_missing"
    assert past.opened_at <= MONDAY + 502 * HOUR
    assert past.finding.evidence["agents"] == sorted(lost)
    said = past.finding.message
    assert said.startswith("12 agents stopped reporting at about 19:02 UTC: agent-00, ")
    assert said.endswith("agent-10, agent-11: an upgrade, or a host that is gone?")


def test_a_host_that_comes_back_is_one_finding_that_closes_when_half_are_back() -> None:
    fleet = {f"agent-{n:02}": hourly(n, gone=(400, 440)) for n in range(12)}
    [past] = judged(fleet | {f"other-{n}": hourly(20 + n) for n in range(6)})
    assert past.finding.rule == "agents_missing"
    assert past.closed_at == MONDAY + (440 + 5 / 60) * HOUR
    assert past.closing_evidence == {"reason": "6 of 12 agents report again"}


def test_a_holiday_is_one_finding_and_who_does_not_come_back_is_found_the_day_after() -> None:
    fleet = {f"agent-{n:02}": working(n, off=[35]) for n in range(12)}
    fleet["agent-05"] = working(5, off=range(35, 60))
    found = judged(fleet | {f"other-{n}": hourly(20 + n, until=24 * 60) for n in range(6)})
    holiday, alone = (past for past in found if past.finding.rule != "late")
    assert {past.finding.agent_id for past in found[1:]} == {"agent-05"}
    assert holiday.finding.rule == "agents_missing"
    assert holiday.opened_at < MONDAY + 35 * DAY + 10 * HOUR
    assert "; 6 of 12 are back: a holiday?" in holiday.finding.message
    assert (alone.finding.rule, alone.finding.agent_id) == ("stopped_reporting", "agent-05")
    assert alone.opened_at < MONDAY + 36 * DAY + 13 * HOUR


def test_a_stop_in_the_week_after_a_holiday_is_found_as_ever() -> None:
    fleet = {f"agent-{n:02}": working(n, off=[35]) for n in range(12)}
    fleet["agent-03"] = working(3, off=[35, 38, 39, 42, 43])
    found = judged(fleet | {f"other-{n}": hourly(20 + n, until=24 * 60) for n in range(6)})
    found = [past for past in found if past.finding.rule != "late"]
    assert rules(found)[:2] == ["agents_missing", "stopped_reporting"]
    assert found[1].opened_at < MONDAY + 38 * DAY + 13 * HOUR


def test_a_few_or_far_apart_are_not_named_together() -> None:
    others = {f"other-{n}": hourly(20 + n) for n in range(2)}
    few = {f"agent-{n}": hourly(n, until=500) for n in range(2)}
    assert rules(judged(few | others)) == ["stopped_reporting"] * 2
    apart = {f"agent-{n}": hourly(n, until=400 + 20 * n) for n in range(6)}
    assert rules(judged(apart | others)) == ["stopped_reporting"] * 6


def overdue(number: int, expected_by: float) -> Overdue:
    return Overdue(f"agent-{number}", expected_by - 4_000, expected_by, rests=False)


def test_an_agent_that_was_reported_alone_is_of_the_group_that_forms_and_keeps_its_finding() -> None:
    waiting = [overdue(number, 300.0 * number) for number in range(4)]
    before = regroup(900.0, waiting, [], {"agent-0"}, {}, Attendance())
    assert before.groups == []
    assert before.alone == {"agent-0", "agent-1", "agent-2", "agent-3"}
    after = regroup(1_200.0, [*waiting, overdue(4, 1_200.0)], [], before.alone, {}, Attendance())
    assert [group.members for group in after.groups] == [{f"agent-{number}" for number in range(5)}]
    assert after.alone == before.alone


def test_who_was_reported_alone_stays_so_when_half_of_its_group_is_back() -> None:
    gone = [overdue(number, 300.0 * number) for number in range(5)]
    [group] = regroup(1_200.0, gone, [], {"agent-0"}, {}, Attendance()).groups
    left = regroup(90_000.0, gone[:2], [group], {"agent-0"}, {}, Attendance())
    assert left.over == [group]
    assert left.alone == {"agent-0"}
    assert group.excuse("agent-0", 90_000.0, None) is None
    assert group.excuse("agent-1", 90_000.0, None) is not None
    assert group.excuse("agent-2", 90_000.0, None) is not None


_READABLE = {
    "since": "2026-11-02T00:00:00+00:00",
    "expected_until": "2026-11-02T00:00:00+00:00",
    "resting": False,
    "agents": ["agent-1"],
    "quiet": [],
    "returned": {},
}


def test_while_others_are_missing_two_wait_and_three_are_a_group() -> None:
    two = [overdue(1, 0.0), overdue(2, 60.0)]
    assert regroup(60.0, two, [], (), {}, SOME_MISSING) == ([], [], set())
    assert regroup(3_660.0, two, [], (), {}, SOME_MISSING).alone == {"agent-1", "agent-2"}
    [group] = regroup(120.0, [*two, overdue(3, 120.0)], [], (), {}, SOME_MISSING).groups
    assert group.first == "agent-1"


def test_a_group_is_read_back_from_its_finding() -> None:
    group = MissingGroup("agent-1", 0.0, 500.0, True, {"agent-1", "agent-2"}, {"agent-2": 400.0}, {"agent-3"})
    group.alone = {"agent-1"}
    finding = agents_missing(group, MONDAY)
    assert MissingGroup.from_evidence(finding.agent_id, finding.evidence) == group


@pytest.mark.parametrize(
    "evidence",
    [
        {},
        {"agents": None},
        {"since": "long ago", "expected_until": "", "resting": 1, "agents": [], "quiet": [], "returned": {}},
        {**_READABLE, "agents": [["x"], {}], "quiet": 7},
        {**_READABLE, "returned": ["agent-1"]},
        {**_READABLE, "returned": {"agent-1": 5}},
    ],
)
def test_evidence_of_another_program_is_no_group(evidence: dict[str, Any]) -> None:
    assert MissingGroup.from_evidence("agent-1", evidence) is None


def test_one_that_stops_again_while_its_group_stands_is_known_by_another_name() -> None:
    standing = MissingGroup(
        "agent-0", 0.0, 500.0, False, {"agent-0", "agent-8", "agent-9"}, {"agent-0": 900.0}
    )
    gone = [overdue(8, 400.0), overdue(9, 500.0)]
    again = [overdue(number, 90_000.0 + number) for number in range(5)]
    grouping = regroup(90_010.0, [*gone, *again], [standing], (), {}, Attendance())
    assert [group.first for group in grouping.groups] == ["agent-0", "agent-1"]
