"""The fleet's verdict in one sentence."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from app.audit.domain.evaluation import NOT_JUDGED, all_rules
from app.audit.domain.fleet import FLEET_SILENT
from app.audit.domain.missing import AGENTS_MISSING
from app.audit.domain.tampering import LOG_TAMPERED
from app.dashboard.verdict import TROUBLES, Trouble, is_stale, level_of, verdict

NOW = datetime(2026, 11, 29, 10, 30, tzinfo=UTC)  # a Sunday
MINUTE = timedelta(minutes=1)


def trouble(agent: str, rule: str, severity: str = "high", ago: timedelta = 30 * MINUTE) -> Trouble:
    """An open finding."""
    agents = agent.split(",")
    return Trouble(uuid4(), rule, agents, agent, TROUBLES[rule], severity, NOW - ago, "", acknowledged=False)


LATE = [trouble("a", "late", "low"), trouble("b", "late", "low")]
SILENT = trouble("c", "silent_runs", ago=timedelta(days=5))


@pytest.mark.parametrize(
    ("troubles", "total", "waiting", "sentence"),
    [
        ([], 0, 0, "No agent has reported yet"),
        ([], 1, 0, "The one agent is fine"),
        ([], 50, 0, "50 of 50 agents fine"),
        ([], 2, 1, "1 of 2 agents fine; 1 yet to report"),
        ([*LATE, SILENT], 50, 0, "47 of 50 agents fine; 1 silent since Tuesday, 2 late"),
        ([LATE[0]], 1, 0, "0 of 1 agent fine; 1 late since 10:00 UTC"),
        ([SILENT, trouble("c", "late", "low")], 3, 0, "2 of 3 agents fine; 1 silent since Tuesday"),
        (
            [trouble("a", "stopped_reporting", ago=timedelta(days=9))],
            10_000,
            0,
            "9,999 of 10,000 agents fine; 1 stopped reporting since 2026-11-20",
        ),
        (
            [trouble("a,b,c", "agents_missing"), SILENT],
            14,
            0,
            "11 of 14 agents fine; 3 missing together since 10:00 UTC",
        ),
        (
            [trouble("auditor", "fleet_silent"), SILENT],
            50,
            0,
            "Hardly any of 50 agents has reported since 10:00 UTC",
        ),
        (
            [trouble("auditor", "log_tampered", "critical"), SILENT],
            2,
            0,
            "The log is altered or unguarded. 1 of 2 agents fine; 1 silent since Tuesday",
        ),
    ],
)
def test_the_verdict(troubles: list[Trouble], total: int, waiting: int, sentence: str) -> None:
    assert verdict(troubles, total, waiting, judged_at=NOW, now=NOW, stale=False) == sentence


def test_a_verdict_that_is_old_is_none() -> None:
    assert (
        verdict(LATE, 50, 0, judged_at=None, now=NOW, stale=True)
        == "50 agents; the Auditor has not judged them yet"
    )
    old = verdict(LATE, 1, 0, judged_at=NOW - 40 * MINUTE, now=NOW, stale=True)
    assert old == "1 agent; the Auditor has not judged it since 09:50 UTC"
    interval = 5 * MINUTE
    assert not is_stale(NOW - 15 * MINUTE, NOW, interval)
    assert is_stale(NOW - 16 * MINUTE, NOW, interval)
    assert is_stale(None, NOW, interval)


def test_the_gravest_finding_makes_the_level() -> None:
    assert level_of([], stale=False) == "fine"
    assert level_of(["low", "medium"], stale=False) == "attention"
    assert level_of(["low", "high"], stale=False) == "trouble"
    assert level_of(["high"], stale=True) == "unknown"


def test_every_rule_has_words() -> None:
    rules = {rule.name for rule in all_rules(failure_streak=3, silence_streak=3)}
    assert rules | {AGENTS_MISSING, FLEET_SILENT, LOG_TAMPERED, NOT_JUDGED} == TROUBLES.keys()
