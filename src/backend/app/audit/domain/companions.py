"""Agents that stopped together: each one's finding names the others, as what befell them may be one thing."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from app.audit import calibration
from app.audit.domain.finding import Finding
from app.audit.domain.liveness import StoppedReporting
from app.kit.text import counted, printable

_STOPPED = StoppedReporting.name
_TOGETHER = calibration.TOGETHER.total_seconds()
_NAMED, _LISTED = 3, 50
_MOST = 1_000  # findings that are looked at for one: of a fleet of thousands the first are enough


def name_companions(findings: Sequence[Finding]) -> list[Finding]:
    """The findings, of which those of `stopped_reporting` name the companions of their agents.

    Companions are those that were expected within three hours before or after and have stopped as well, four
    at least.
    """
    stopped = sorted((_expected_by(each), each.agent_id) for each in findings if each.rule == _STOPPED)
    moments = [moment for moment, _ in stopped]
    named = []
    for finding in findings:
        others: list[str] = []
        if finding.rule == _STOPPED:
            moment = _expected_by(finding)
            first = bisect_left(moments, moment - _TOGETHER)
            last = min(bisect_right(moments, moment + _TOGETHER), first + _MOST)
            others = sorted({other for _, other in stopped[first:last]} - {finding.agent_id})
        named.append(_with(finding, others) if len(others) >= calibration.COMPANIONS else finding)
    return named


def _expected_by(finding: Finding) -> float:
    return datetime.fromisoformat(finding.evidence["expected_by"]).timestamp()


def _with(finding: Finding, others: list[str]) -> Finding:
    names = ", ".join(printable(other) for other in others[:_NAMED])
    more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
    message = (
        f"{finding.message}; {counted(len(others), 'other')} stopped within 3 hours of it ({names}{more}):"
    )
    message += " a holiday, an upgrade or a host that is gone?"
    return replace(finding, message=message, evidence=finding.evidence | {"stopped_with": others[:_LISTED]})
