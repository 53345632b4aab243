"""The runs of one agent that a backtest reads, kept small: a million of them fit in 200 MB."""

from array import array
from collections.abc import Iterator
from datetime import UTC, datetime
from math import isnan, nan
from sys import intern

from app.audit.domain.history import ReportedRun
from app.runs.usage import Usage


class RecordedRuns:
    """Runs by columns; a `ReportedRun` is made of each as it is read."""

    __slots__ = ("_ids", "_quiet", "_scores", "_silences", "_statuses", "_summaries", "_usage", "times")

    def __init__(self) -> None:
        self.times = array("d")
        """When they were reported, in seconds since the epoch."""
        self._ids: list[str] = []
        self._statuses: list[str] = []
        self._silences = array("l")
        self._summaries: list[str | None] = []
        self._scores = array("d")
        self._quiet = bytearray()
        self._usage = tuple(array("d") for _ in Usage._fields)

    def add(self, run: ReportedRun) -> None:
        """Take a run in."""
        self.times.append(run.created_at.timestamp())
        self._ids.append(run.id)
        self._statuses.append(intern(run.status))
        self._silences.append(run.silence_count)
        self._summaries.append(run.summary)
        self._scores.append(nan if run.score is None else run.score)
        self._quiet.append(run.silent)
        for column, amount in zip(self._usage, run.usage, strict=True):
            column.append(nan if amount is None else amount)

    def sort(self) -> None:
        """Put them in the order in which they were reported, and count the silent ones in a row."""
        order = sorted(range(len(self.times)), key=lambda at: (self.times[at], self._ids[at]))
        self.times = array("d", (self.times[at] for at in order))
        self._ids = [self._ids[at] for at in order]
        self._statuses = [self._statuses[at] for at in order]
        self._summaries = [self._summaries[at] for at in order]
        self._scores = array("d", (self._scores[at] for at in order))
        self._quiet = bytearray(self._quiet[at] for at in order)
        self._usage = tuple(array("d", (column[at] for at in order)) for column in self._usage)
        silences, count = array("l"), 0
        for at in order:
            count = count + 1 if self._silences[at] else 0
            silences.append(count)
        self._silences = silences

    def __len__(self) -> int:
        return len(self.times)

    def __iter__(self) -> Iterator[ReportedRun]:
        columns = zip(
            self.times,
            self._ids,
            self._statuses,
            self._silences,
            self._summaries,
            self._scores,
            self._quiet,
            *self._usage,
            strict=True,
        )
        for number, row in enumerate(columns, 1):
            moment, run_id, status, silences, summary, score, quiet, *usage = row
            yield ReportedRun(
                run_id or f"run {number}",
                status,
                datetime.fromtimestamp(moment, UTC),
                silences,
                summary,
                None if isnan(score) else score,
                bool(quiet),
                _usage(*usage),
            )


def _usage(seconds: float, tokens: float, cost_usd: float) -> Usage:
    return Usage(_known(seconds), None if isnan(tokens) else int(tokens), _known(cost_usd))


def _known(amount: float) -> float | None:
    return None if isnan(amount) else amount
