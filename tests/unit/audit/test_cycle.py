"""Cycles that follow each other at once, reported as one."""

from datetime import UTC, datetime
from uuid import UUID

from app.audit.cycle import AuditCycle
from app.audit.domain.evaluation import RuleError
from app.models import AuditFinding

NOW = datetime(2027, 1, 1, tzinfo=UTC)
FIRST, SECOND, OLD = (
    AuditFinding(id=UUID(int=number), rule="stopped_reporting", agent_id=f"agent-{number}", opened_at=NOW)
    for number in range(3)
)
CRASH = RuleError("stopped_reporting", "atlas", "ValueError: no such hour")


def cycle(
    left: int, opened: list[AuditFinding], closed: list[AuditFinding], still_open: list[AuditFinding]
) -> AuditCycle:
    return AuditCycle(NOW, 9, left, opened, closed, still_open, [CRASH])


def test_what_is_opened_closed_or_crashes_in_several_cycles_counts_once() -> None:
    whole = cycle(4, [FIRST], [], [OLD]).then(cycle(0, [SECOND], [OLD], [FIRST]))
    assert (whole.opened, whole.closed, whole.still_open) == ([FIRST, SECOND], [OLD], [])
    assert (whole.left, whole.errors) == (0, [CRASH])


def test_what_opened_and_closed_again_is_open_no_more() -> None:
    whole = cycle(4, [FIRST], [], []).then(cycle(0, [], [FIRST], []))
    assert (whole.opened, whole.closed, whole.open) == ([], [FIRST], [])
