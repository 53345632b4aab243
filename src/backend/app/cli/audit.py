"""`runlog audit`."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import typer
from rich.padding import Padding
from rich.text import Text

from app.cli.answers import Finding, FindingList, Judgement, decoded
from app.cli.api_client import path_of
from app.cli.log_api import open_api
from app.cli.output import console, print_json
from app.errors import NotFoundError
from app.kit.text import at, counted, in_words, printable

_MAX_SHOWN = 1000
_INDENT = 10
_NEW = "new     "  # instead of an id, which the next cycle gives
_LATE_CYCLES = 3  # intervals without a cycle after which it is said that none runs
_STYLES = {"critical": "bold red", "high": "red", "medium": "yellow"}


def audit(as_json: bool) -> None:
    """Have every agent judged now and print the findings; only the worker's cycle stores and announces them.

    Exit with status 1 where an agent could not be judged.
    """
    with open_api() as api:
        judged = decoded(api.request("GET", path_of("audit", "now")), Judgement)
    for error in judged.not_judged:
        typer.echo(f"{error.rule} could not judge {printable(error.agent_id)}: {error.error}", err=True)
    if as_json:
        for finding in judged.findings:
            print_json(bytes(finding).decode())
    elif judged.findings:
        _show([decoded(finding, Finding) for finding in judged.findings])
    else:
        typer.echo(f"No findings: {counted(judged.agents, 'agent')} checked")
    if not as_json and judged.last_cycle_at:
        typer.echo(f"Last cycle of the Auditor: {at(judged.last_cycle_at, judged.judged_at)}")
    _warn_without_cycles(judged)
    if judged.not_judged:
        raise typer.Exit(1)


def acknowledge(finding: str, by: str, note: str | None) -> None:
    """Acknowledge the open finding whose id begins with `finding`. Raises `NotFoundError`."""
    findings = path_of("audit", "findings")
    with open_api() as api:
        found = decoded(api.request("GET", findings, query={"limit": _MAX_SHOWN}), FindingList).findings
        matching = [each for each in found if str(each.id).startswith(finding.lower())]
        if len(matching) != 1:
            which = "several open findings begin" if matching else "no open finding begins"
            raise NotFoundError(f"{which} with {printable(finding)}")
        api.request("POST", f"{findings}/{matching[0].id}/acknowledge", body={"by": by, "note": note})
    typer.echo(f"{matching[0].message}: acknowledged by {printable(by)}")


def _warn_without_cycles(judged: Judgement) -> None:
    """Say on stderr where the Auditor has not run for long: then no alert goes out about what is new."""
    interval, last = timedelta(seconds=judged.interval_seconds), judged.last_cycle_at
    if last and judged.judged_at - last <= _LATE_CYCLES * interval:
        return
    since = f"for {in_words(judged.judged_at - last)}" if last else "yet"
    typer.echo(
        f"The Auditor has not run {since}: findings without an id are new, and neither stored nor announced. "
        f"`runlog up`, or `runlog beat` with a worker, runs it every {in_words(interval)}, for the first "
        "time that long after its start",
        err=True,
    )


def _show(found: Sequence[Finding]) -> None:
    """Each finding in a line, and what it says below, which is too long for a column."""
    out = console()
    now = datetime.now(UTC)
    longest = max(len(finding.severity) for finding in found)
    for finding in found:
        head = Text.assemble(
            f"{finding.id[:8] if finding.id else _NEW}  ",
            (printable(finding.severity).ljust(longest), _STYLES.get(finding.severity, "")),
            (f"  {printable(finding.agent_id)}", "bold"),
            f"  {printable(finding.rule)}  since {at(finding.opened_at, now)}{_alerts(finding, now)}",
        )
        out.print(head)
        out.print(Padding(Text(finding.message), (0, 0, 0, _INDENT), expand=False))


def _alerts(finding: Finding, now: datetime) -> str:
    """When an alert was sent, and why no more are."""
    notes = [f"alerted {at(finding.notified_at, now)}"] if finding.notified_at else []
    if finding.acknowledged_by:
        notes.append(f"acknowledged by {printable(finding.acknowledged_by)}")
    if finding.muted:
        notes.append("muted")
    return "".join(f", {note}" for note in notes)
