"""`runlog score trend`."""

from collections.abc import Mapping

from rich.table import Table
from rich.text import Text

from app.cli.output import console, print_json_lines, run_on_database
from app.db.session import transaction
from app.kit.text import printable
from app.quality.domain.trend import VERDICTS_IN_WORDS, Trend
from app.quality.trends import QualityReport, agent_quality, whole_fleet_quality
from app.quality.wire import QualityOut
from app.scoring.domain.bands import LEGEND

_SHORTEST = 8  # characters that a narrow terminal leaves to a name
_SIGNS = {
    "improved": ("▲", "green"),
    "declined": ("▼", "red"),
    "no_change": ("=", ""),
    "too_few_runs": ("?", "dim"),
    "not_comparable": ("≠", "yellow"),
}


def trend(agent: str | None, as_json: bool) -> None:
    """Print the trend of the fleet, or of one agent."""
    report = run_on_database(_report(agent))
    if as_json:
        print_json_lines([QualityOut.model_validate(report).model_dump(mode="json")])
        return
    out = console()
    out.print(_table(report))
    if report.overall.scorer_changed:
        out.print(Text(f"scored by {_counts(report.scorers)}; before by {_counts(report.previous_scorers)}"))
    if report.overall.mean is not None:
        out.print(Text(LEGEND))
    if report.sampled:
        out.print(Text("dimensions by the newest runs of each day"))


async def _report(agent: str | None) -> QualityReport:
    async with transaction() as session:
        return await (whole_fleet_quality(session) if agent is None else agent_quality(session, agent))


def _table(report: QualityReport) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("last 7 days", overflow="fold", min_width=_SHORTEST)
    for heading in ("now", "before", "change", "runs"):
        table.add_column(heading, no_wrap=True, justify="right")
    table.add_column("verdict", no_wrap=True)
    subject = "fleet" if report.agent_id is None else printable(report.agent_id)
    _add(table, subject, report.overall, style="bold")
    _add_all(table, "dimensions", report.dimensions)
    _add_all(table, "agents", report.agents)
    return table


def _add_all(table: Table, heading: str, trends: Mapping[str, Trend]) -> None:
    if trends:
        table.add_row()
        table.add_row(Text(heading, style="dim"))
    for name, each in trends.items():
        _add(table, printable(name), each)


def _add(table: Table, name: str, each: Trend, style: str = "") -> None:
    sign, color = _SIGNS[each.verdict]
    table.add_row(
        Text(name, style=style),
        _figure(each.mean),
        _figure(each.previous_mean),
        _change(each),
        f"{each.runs}/{each.previous_runs}",
        Text(f"{sign} {VERDICTS_IN_WORDS[each.verdict]}", style=color),
    )


def _figure(mean: float | None) -> str:
    return "-" if mean is None else f"{mean:.2f}"


def _change(each: Trend) -> str:
    if each.change is None or each.interval is None:
        return "-"
    change = round(each.change, 2) + 0.0  # no minus before a zero
    return f"{change:+.2f} ±{each.interval[1] - each.change:.2f}"


def _counts(scorers: Mapping[str, int]) -> str:
    return ", ".join(f"{printable(name)} ({runs})" for name, runs in sorted(scorers.items())) or "none"
