"""`runlog verify` and `erase`."""

from pathlib import Path
from typing import Annotated

import typer

from app.cli.options import DataDir


def verify(
    since: Annotated[
        list[Path] | None,
        typer.Option(
            "--since", metavar="FILE", help="A file of checkpoints that were kept elsewhere; may be repeated."
        ),
    ] = None,
    archives: Annotated[
        list[Path] | None,
        typer.Option("--archive", metavar="FILE", help="The file of an archived month; may be repeated."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
    processes: Annotated[
        int | None, typer.Option("--processes", min=1, help="At a time; by default one a processor.")
    ] = None,
    _: DataDir = None,
) -> None:
    """Verify that nothing of the log was changed.

    Prints a line for each thing that was altered, removed or slipped in since it was sealed, and exits with 1
    then. Of a log that was replaced as a whole
    only a checkpoint tells that was kept elsewhere. Runs of archived months are verified in their files.

    \b
    Examples:
      runlog verify
      runlog verify --since checkpoint-of-monday.txt
    """
    from app.cli import verify as work

    work.verify(since or [], as_json, processes, archives or [])


def erase(
    run_id: Annotated[str, typer.Argument(metavar="RUN_ID", help="The run's id, or the beginning of it.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; it is sealed and kept for ever.")],
    by: Annotated[str | None, typer.Option("--by", help="Who; by default who runs the command.")] = None,
    _: DataDir = None,
) -> None:
    """Erase what a run reported, for good.

    The run, its hash and its proofs stay.

    \b
    Example:
      runlog erase 01a2269a-a083 --reason "request of the customer, ticket 4711"
    """
    from app.cli import erase as work

    work.erase(run_id, reason, by)
