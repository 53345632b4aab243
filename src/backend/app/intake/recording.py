"""Foreign reports on their way into the log: validated and written as every report is."""

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from app.errors import IdempotencyConflictError, InvalidRunError
from app.intake.domain.report import Report
from app.runs.parsing import parse_run
from app.runs.run import Run
from app.runs.writer import get_writer

AT_A_TIME = 256
"""Runs of one request that wait for their commit together, a batch of the writer's by default: a large
request leaves the queue to others."""


class Recorded(NamedTuple):
    """How many runs are new in the log, how many it had, and why others were refused."""

    new: int
    known: int
    refused: list[InvalidRunError]


def as_run(report: Report) -> Run:
    """The report as a run. Raises `InvalidRunError` where it is none that the log takes."""
    body: dict[str, Any] = {
        "agent_id": report.agent_id,
        "status": report.status,
        "actions_taken": report.actions,
        "source": report.source,
    }
    times = {"started_at": report.started_at, "finished_at": report.finished_at}
    body |= {name: moment for name, moment in times.items() if moment is not None}
    return parse_run(msgspec.json.encode(body), report.run_key)


async def record(runs: Sequence[Run]) -> Recorded:
    """Commit the runs.

    One that the log has by the same key is known, also where a source says it a little differently. Raises
    `IngestUnavailableError` where any was not committed: all may be sent again.
    """
    new, known, refused = 0, 0, []
    writer = get_writer()
    for start in range(0, len(runs), AT_A_TIME):
        part = runs[start : start + AT_A_TIME]
        outcomes = await asyncio.gather(*(writer.write(run) for run in part), return_exceptions=True)
        for run, outcome in zip(part, outcomes, strict=True):
            match outcome:
                case IdempotencyConflictError():
                    known += 1
                case InvalidRunError():
                    refused.append(outcome)
                case BaseException():
                    raise outcome
                case _:
                    new, known = (new + 1, known) if outcome == run.id else (new, known + 1)
    return Recorded(new, known, refused)
