"""`runlog score agreement`."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import chain, repeat

import typer
from rich.table import Table
from rich.text import Text

from app.cli.output import console, parse_since, print_json_lines, run_on_database
from app.db.session import transaction
from app.kit.text import counted, printable
from app.quality.domain.agreement import Agreement, Measure
from app.quality.domain.agreement_report import AgreementReport, RatedRun, report
from app.quality.rated_runs import rated_runs
from app.quality.wire import AgreementReportOut

_MEASURES = {
    "Spearman": "spearman",
    "pairs in order": "pairwise",
    "kappa": "kappa",
    "error": "error",
    "absolute error": "absolute_error",
}

# Who is compared with people, over how many runs and raters, and how far they agree.
_Row = tuple[str, int, int, Agreement]


def agreement(since: str | None, as_json: bool) -> None:
    """Print the agreement of scorers and raters on the runs rated since then."""
    moment = parse_since(since) if since else None
    found = report(run_on_database(_rated(moment)))
    if as_json:
        print_json_lines([AgreementReportOut.of(found, moment).model_dump()])
    elif found.runs:
        _print(found)
    else:
        typer.echo("No ratings yet" if moment is None else "No ratings since then")


async def _rated(since: datetime | None) -> list[RatedRun]:
    async with transaction() as session:
        return await rated_runs(session, since)


def _print(found: AgreementReport) -> None:
    out = console()
    rows = list(_rows(found))
    out.print(_table(rows))
    out.print("With 95% intervals; kappa has quadratic weights over scores up to 1/3, up to 2/3 and above.")
    for reason in sorted({measure.reason for *_, each in rows for measure in _all(each) if measure.reason}):
        typer.echo(f"-: {reason}.")


def _rows(found: AgreementReport) -> Iterator[_Row]:
    for scorer in found.scorers:
        if scorer.version is not None:
            name = f"{scorer.scorer} {scorer.version}"
            yield name, scorer.runs, scorer.raters, scorer.agreement
    for pair in found.rater_pairs:
        yield " and ".join(pair.raters), pair.runs, len(pair.raters), pair.agreement


def _table(rows: Iterable[_Row]) -> Table:
    """A line for each measure: side by side, with their intervals, they have no room on most terminals."""
    table = Table(box=None, pad_edge=False)
    for heading in ("scorer", "measure", "value"):
        table.add_column(heading, overflow="fold", no_wrap=heading != "scorer")
    for name, runs, raters, agreement in rows:
        labels = (printable(name), f"{counted(runs, 'run')}, {counted(raters, 'rater')}")
        figures = zip(_MEASURES, map(_figure, _all(agreement)), strict=True)
        for label, (measure, figure) in zip(chain(labels, repeat("")), figures, strict=False):
            table.add_row(Text(label), measure, figure)
    return table


def _all(found: Agreement) -> list[Measure]:
    return [getattr(found, name) for name in _MEASURES.values()]


def _figure(measure: Measure) -> str:
    if measure.value is None:
        return "-"
    if measure.low is None or measure.high is None:
        return f"{measure.value:.2f}"
    return f"{measure.value:.2f} ({measure.low:.2f} to {measure.high:.2f})"
