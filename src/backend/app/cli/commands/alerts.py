"""`runlog alerts`: try the channels, and see what went out."""

from typing import Annotated

import typer

from app.cli.options import DataDir

app = typer.Typer(
    no_args_is_help=True,
    help="""Try the channels of alerts, and see what went out.

\b
Examples:
  runlog alerts test
  runlog alerts list
""",
)


@app.command("test")
def try_channels(
    channel: Annotated[list[str] | None, typer.Option(help="Only by this channel; may be repeated.")] = None,
    _: DataDir = None,
) -> None:
    """Send a test message by every channel now.

    The exit status is 1 when one failed.

    \b
    Examples:
      runlog alerts test
      runlog alerts test --channel webhook
    """
    from app.cli import alerts as work

    work.try_channels(channel)


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object an alert a line.")] = False,
    _: DataDir = None,
) -> None:
    """Show what went out and what waits, newest first.

    For each it says how the last try to deliver it went.

    \b
    Examples:
      runlog alerts list
      runlog alerts list --limit 5 --json
    """
    from app.cli import alerts as work

    work.show(limit, as_json)
