"""`runlog import hermes`."""

from collections.abc import Sequence

import msgspec
import typer

from app.cli.output import print_json, run_on_database
from app.cli.progress import progress_bar
from app.errors import DatabaseError, IngestUnavailableError, InvalidRunError
from app.intake.domain.hermes import report_of_execution
from app.intake.hermes_ledger import read_ledger
from app.intake.recording import AT_A_TIME, Recorded, as_run, record
from app.kit.text import counted
from app.runs.run import Run
from app.runs.writer import close_writer


def import_hermes(source: str, agent: str, *, as_json: bool) -> None:
    """Import what the ledger holds, and print what came of it. Raises `InputFileError`, `DatabaseError`."""
    rows = read_ledger(source)
    reports = [report for row in rows if (report := report_of_execution(row, agent))]
    runs, refused = [], []
    for report in reports:
        try:
            runs.append(as_run(report))
        except InvalidRunError as error:
            refused.append(error)
    outcome = run_on_database(_import(runs))
    refused += outcome.refused
    summary = {
        "imported": outcome.new,
        "known": outcome.known,
        "refused": len(refused),
        "left_out": len(rows) - len(reports),
    }
    if as_json:
        print_json(msgspec.json.encode(summary).decode())
        return
    typer.echo(
        f"Imported {counted(outcome.new, 'run')}; {outcome.known:,} known already;"
        f" {summary['left_out']:,} left out, which have not ended"
    )
    if refused:
        typer.echo(f"{counted(len(refused), 'run')} refused, the first as {refused[0]}", err=True)


async def _import(runs: Sequence[Run]) -> Recorded:
    total = Recorded(0, 0, [])
    try:
        with progress_bar() as progress:
            bar = progress.add_task("runs", total=len(runs))
            for start in range(0, len(runs), AT_A_TIME):
                part = runs[start : start + AT_A_TIME]
                done = await record(part)
                total = Recorded(total.new + done.new, total.known + done.known, total.refused + done.refused)
                progress.advance(bar, len(part))
    except IngestUnavailableError as error:
        raise DatabaseError(f"{error}; the same command goes on from here") from error
    finally:
        await close_writer()
    return total
