"""`runlog score review`."""

from collections.abc import Sequence
from datetime import UTC, datetime

import typer
from rich.table import Table
from rich.text import Text

from app.cli.output import console, print_json_lines, run_on_database
from app.db.session import transaction
from app.kit.text import ago, printable
from app.quality.domain.review import Suggestion
from app.quality.review_queue import runs_to_review
from app.quality.wire import SuggestionOut

# Characters of an id where a line has not so many as the second: its millisecond.
_SHORT_ID, _WIDE = 13, 120
# Characters that a column keeps on a narrow terminal.
_WIDTHS = {"run": _SHORT_ID, "when": 8, "agent": 8, "score": 5}


def review(rater: str | None, limit: int, as_json: bool) -> None:
    """Print the runs most worth a rating, without those that `rater` has rated."""
    found = run_on_database(_to_review(rater.strip() if rater else None, limit))
    if as_json:
        print_json_lines(SuggestionOut.of(each).model_dump() for each in found)
    elif found:
        out = console()
        out.print(_table(found, out.width))
        typer.echo("Rate one with: runlog rate RUN_ID RATING")
    else:
        typer.echo("No recent run waits for a rating")


async def _to_review(rater: str | None, limit: int) -> list[Suggestion]:
    async with transaction() as session:
        return await runs_to_review(session, rater=rater, limit=limit)


def _table(found: Sequence[Suggestion], width: int) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("run", "when", "agent", "score"):
        table.add_column(heading, overflow="fold", min_width=_WIDTHS[heading], max_width=36)
    table.add_column("summary and why", overflow="fold")
    now = datetime.now(UTC)
    for suggestion in found:
        run = suggestion.run
        table.add_row(
            str(run.id) if width >= _WIDE else str(run.id)[:_SHORT_ID],
            ago(run.created_at, now),
            Text(printable(run.agent_id)),
            "-" if run.overall is None else f"{run.overall:.2f}",
            Text(
                "\n".join((printable(run.action_summary or run.status), *map(printable, suggestion.reasons)))
            ),
        )
    return table
