"""`runlog score agreement`."""

from datetime import datetime

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.cli.output import parse_since, print_json_lines, run_on_database
from app.db.session import transaction
from app.kit.text import printable
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
    table = Table(box=None, pad_edge=False)
    for heading in ("scorer", "runs", "raters", *_MEASURES):
        table.add_column(heading, justify="left" if heading == "scorer" else "right")
    for scorer in found.scorers:
        if scorer.version is not None:
            name = Text(printable(f"{scorer.scorer} {scorer.version}"))
            table.add_row(name, str(scorer.runs), str(scorer.raters), *_figures(scorer.agreement))
    for pair in found.rater_pairs:
        name = Text(printable(" and ".join(pair.raters)))
        table.add_row(name, str(pair.runs), "2", *_figures(pair.agreement))
    Console().print(table)
    typer.echo("With 95% intervals; kappa has quadratic weights over scores up to 1/3, up to 2/3 and above.")
    measured = [each.agreement for each in found.scorers if each.runs]
    measured += [each.agreement for each in found.rater_pairs]
    for reason in sorted({measure.reason for each in measured for measure in _all(each) if measure.reason}):
        typer.echo(f"-: {reason}.")


def _all(found: Agreement) -> list[Measure]:
    return [getattr(found, name) for name in _MEASURES.values()]


def _figures(found: Agreement) -> list[str]:
    return [_figure(measure) for measure in _all(found)]


def _figure(measure: Measure) -> str:
    if measure.value is None:
        return "-"
    if measure.low is None or measure.high is None:
        return f"{measure.value:.2f}"
    return f"{measure.value:.2f} ({measure.low:.2f} to {measure.high:.2f})"
