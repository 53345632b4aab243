"""Agents that stopped together are named together."""

from datetime import UTC, datetime, timedelta

from app.audit.domain.backtest import PastFinding, judge
from app.audit.domain.evaluation import all_rules
from app.audit.domain.history import ReportedRun

MONDAY = datetime(2026, 8, 31, tzinfo=UTC)
HOUR = timedelta(hours=1)
RULES = all_rules(failure_streak=3, silence_streak=3)


def stopped(ends: list[int]) -> dict[str, PastFinding]:
    """What is found of hourly agents of which each has so many runs; two more go on."""
    fleet = {
        f"agent-{n:02}": [
            ReportedRun("", "success", MONDAY + (i + n / 60) * HOUR, summary="did it") for i in range(runs)
        ]
        for n, runs in enumerate([*ends, 600, 600])
    }
    found = judge(RULES, fleet, {}).found
    assert {past.finding.rule for past in found} == {"stopped_reporting"}
    return {past.finding.agent_id: past for past in found}


def test_twelve_of_fourteen_that_are_lost_are_named_together_within_hours() -> None:
    found = stopped([500] * 12)
    assert len(found) == 12
    for agent_id, past in found.items():
        assert past.opened_at <= MONDAY + 503 * HOUR
        companions = past.finding.evidence["stopped_with"]
        assert len(companions) == 11
        assert agent_id not in companions
        assert "; 11 others stopped within 3 hours of it (agent-0" in past.finding.message
        assert past.finding.message.endswith(" and 8 more): a holiday, an upgrade or a host that is gone?")


def test_a_few_or_far_apart_are_not_named_together() -> None:
    for ends in ([500] * 4, [400, 420, 440, 460, 480, 500]):
        assert all("stopped_with" not in past.finding.evidence for past in stopped(ends).values())
