"""`runlog verify`."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec
import typer

from app.cli.output import print_json
from app.cli.progress import progress_bar
from app.config import get_settings
from app.errors import InputFileError, ProofFormatError
from app.kit.text import counted, printable
from app.proof.domain.note import split_notes
from app.proof.problems import Problem
from app.proof.verify import Verified
from app.proof.verify import verify as verify_log


def verify(
    since: Sequence[Path], as_json: bool, processes: int | None, archives: Sequence[Path] = ()
) -> None:
    """Verify the log, and print what is wrong with it; raises `typer.Exit` where anything is.

    Raises `InputFileError`, `ArchiveError`, `ConfigError` or `DatabaseError`.
    """
    kept = [note for path in since for note in _read(path)]
    url = get_settings().require_schema_url()
    with progress_bar() as bar:
        task = bar.add_task("leaves", total=None)

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        verified = asyncio.run(
            verify_log(url, processes=processes or os.cpu_count() or 1, since=kept, progress=show)
        )
    for path in archives:
        verified.problems += _verify_archive(url, path)
    _print(verified, as_json, archives)
    if verified.problems:
        raise typer.Exit(1)


def _verify_archive(url: str, path: Path) -> list[Problem]:
    from app.archive.restoring import verify_archive  # needs an extra

    return asyncio.run(verify_archive(url, path))


def _print(verified: Verified, as_json: bool, archives: Sequence[Path]) -> None:
    for problem in verified.problems:
        if as_json:
            print_json(msgspec.json.encode(problem).decode())
        else:
            typer.echo(f"{problem.what}: {printable(problem.message)}")
    if not as_json:
        leaves = "1 leaf" if verified.leaves == 1 else f"{verified.leaves:,} leaves"
        checked = f"{leaves} and {counted(verified.checkpoints, 'checkpoint')}"
        found = counted(len(verified.problems), "problem") if verified.problems else "nothing was altered"
        if archives:
            checked += f" and {counted(len(archives), 'archive')}"
        typer.echo(f"{found}: {checked} verified", err=bool(verified.problems))
        if verified.archived:
            runs = counted(verified.archived, "run")
            typer.echo(f"{runs} of archived months: verified by --archive with the files", err=True)


def _read(path: Path) -> list[str]:
    """The checkpoints in a file; a copy out of a mail may lack the last newline."""
    try:
        return split_notes(f"{path.read_text('utf-8')}\n")
    except (OSError, UnicodeDecodeError, ProofFormatError) as error:
        raise InputFileError(f"cannot read {path}: {error}") from error
