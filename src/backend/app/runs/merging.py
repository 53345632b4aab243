"""What several reports of one run say together.

The agent's words say what it did, those of its scheduler how it ended:

1. The status is the worst that any source reports: an agent that took its run for a success does not see that
   it was killed afterwards, and a scheduler does not see what the agent knows to have failed.
2. The payload has the fields of all reports. Where several have a field, the agent's own counts, then that of
   the first source by name.
3. The summary is the first of these that says anything.

So the result does not depend on the order in which reports come.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from app.kit.strict_json import dumps_exactly, loads_as_decimals
from app.runs.run import AGENT
from app.runs.silence import is_quiet, is_silent

_BY_SEVERITY = ("failed", "partial", "success")


class Report(NamedTuple):
    """What a source reports of a run; `actions_json` is the text of its payload."""

    source: str
    status: str
    actions_json: str


class MergedRun(NamedTuple):
    """What the row of a run holds."""

    status: str
    actions_json: str
    summary: str | None
    silent: bool


def merge_reports(reports: Sequence[Report]) -> MergedRun:
    """The run that these reports are of, one from each source."""
    ordered = sorted(reports, key=lambda report: (report.source != AGENT, report.source))
    payloads = [_payload(report.actions_json) for report in ordered]
    actions: dict[str, Any] = {}
    for payload in reversed(payloads):
        actions |= payload
    summaries = [payload["summary"] for payload in payloads if isinstance(payload.get("summary"), str)]
    if summaries:
        actions["summary"] = next((each for each in summaries if not is_quiet(each)), summaries[0])
    return MergedRun(
        min((report.status for report in ordered), key=_BY_SEVERITY.index),
        dumps_exactly(actions),
        actions["summary"] if summaries else None,
        is_silent(actions),
    )


def _payload(text: str) -> dict[str, Any]:
    payload = loads_as_decimals(text)
    return payload if isinstance(payload, dict) else {}
