"""`runlog alerts`: try the channels, and see what went out."""

from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Try the channels of alerts, and see what went out.")


@app.command("test")
def try_channels(
    channel: Annotated[list[str] | None, typer.Option(help="Only by this channel; may be repeated.")] = None,
) -> None:
    """Send a test message by every channel now; exit 1 when one failed."""
    from app.cli import alerts as work

    work.try_channels(channel)


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object an alert a line.")] = False,
) -> None:
    """Show what went out and what waits, newest first, and how the last try went."""
    from app.cli import alerts as work

    work.show(limit, as_json)
