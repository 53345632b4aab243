"""`runlog score status`."""

from datetime import UTC, datetime

from rich.table import Table
from rich.text import Text

from app.cli.output import console, print_json, run_on_database
from app.db.session import transaction
from app.kit.text import ago, at, printable
from app.scoring.backfills import recent_backfills
from app.scoring.status import CAP, error_reasons, results_by_version, scoring_counts
from app.scoring.wire import BackfillOut, CountOut, ReasonOut, StatusOut, VersionOut

_BACKFILLS = 5


def status(as_json: bool) -> None:
    """Print the states of runs, and the results of each scorer and version."""
    found = run_on_database(_status())
    if as_json:
        print_json(found.model_dump_json())
    else:
        _print(found)


async def _status() -> StatusOut:
    async with transaction() as session:
        counts = await scoring_counts(session)
        return StatusOut(
            states={state: CountOut.model_validate(count) for state, count in counts.states.items()},
            oldest_queued_at=counts.oldest_queued_at,
            errors=[ReasonOut.model_validate(reason) for reason in await error_reasons(session)],
            versions=[
                VersionOut(scorer=scorer, version=version, runs=count.runs, exact=count.exact)
                for (scorer, version), count in (await results_by_version(session)).items()
            ],
            backfills=[
                BackfillOut.model_validate(backfill)
                for backfill in await recent_backfills(session, limit=_BACKFILLS)
            ],
        )


def _print(found: StatusOut) -> None:
    now, out = datetime.now(UTC), console()
    states = _table("state", "runs", "")
    for state, count in found.states.items():
        oldest = found.oldest_queued_at if state == "queued" else None
        states.add_row(state, shown(count), f"the oldest from {ago(oldest, now)}" if oldest else "")
    out.print(states)
    if found.errors:
        errors = _table("scorer", "runs", "tried again", "error")
        for reason in found.errors:
            when = f"{reason.retried}, first {at(reason.retry_at, now)}" if reason.retry_at else "no"
            errors.add_row(
                Text(printable(reason.scorer)), f"{reason.runs:,}", when, Text(printable(reason.error))
            )
        out.print("", errors)
    if found.versions:
        versions = _table("scorer", "version", "results")
        for kind in found.versions:
            versions.add_row(Text(printable(kind.scorer)), Text(printable(kind.version)), shown(kind))
        out.print("", versions)
    if found.backfills:
        backfills = _table("backfill", "version", "since", "scored", "skipped", "failed", "")
        for each in found.backfills:
            backfills.add_row(*_backfill(each, now))
        out.print("", backfills)


def _backfill(backfill: BackfillOut, now: datetime) -> tuple[str | Text, ...]:
    done = backfill.scored + backfill.skipped + backfill.failed
    if backfill.finished_at is None:
        state = f"{done:,} of about {max(done, backfill.runs):,}"
    elif backfill.error is None:
        state = f"finished {ago(backfill.finished_at, now)}"
    else:
        state = f"ended: {printable(backfill.error)}"
    counts = (f"{count:,}" for count in (backfill.scored, backfill.skipped, backfill.failed))
    return (
        Text(printable(backfill.scorer)),
        Text(printable(backfill.version)),
        at(backfill.since, now),
        *counts,
        Text(state),
    )


def shown(count: CountOut) -> str:
    """A count for people: with a + where there may be more, with a ~ where it is estimated."""
    if count.exact:
        return f"{count.runs:,}"
    return f"{count.runs:,}+" if count.runs == CAP else f"~{count.runs:,}"


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold", justify="right" if heading == "runs" else "left")
    return table
