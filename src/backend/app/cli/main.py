"""`runlog`: the command line. Each group of commands is a module of `commands`."""

import atexit
import gc
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer

from app.errors import RunLogError

# Allocations, then collections, after which each generation is collected. What is imported lives as long as
# the process, and a report makes dozens of objects and hardly a cycle: by Python's default of 700, 10 and 10
# most collections find nothing. Set on import: the API processes that `multiprocessing` starts import this
# module first, and never call `main()`.
gc.set_threshold(20_000, 50, 100)
# Python collects once more before it exits, though the system takes back all: that and the collections while
# modules are imported took a third of the processor time of `runlog runs`.
atexit.register(gc.freeze)

COMMANDS = {
    "up": "app.cli.commands.up:up",
    "status": "app.cli.commands.background:status",
    "logs": "app.cli.commands.background:logs",
    "down": "app.cli.commands.background:down",
    "serve": "app.cli.commands.serve:serve",
    "worker": "app.cli.commands.celery:worker",
    "beat": "app.cli.commands.celery:beat",
    "report": "app.cli.commands.report:report",
    "exec": "app.cli.commands.execute:execute",
    "start": "app.cli.commands.report:start",
    "flush": "app.cli.commands.report:flush",
    "runs": "app.cli.commands.runs:runs",
    "tail": "app.cli.commands.runs:tail",
    "show": "app.cli.commands.show:show",
    "rate": "app.cli.commands.rate:rate",
    "agents": "app.cli.commands.agents:app",
    "audit": "app.cli.commands.audit:app",
    "alerts": "app.cli.commands.alerts:app",
    "score": "app.cli.commands.score:app",
    "feedback": "app.cli.commands.feedback:feedback",
    "mcp": "app.cli.commands.mcp:mcp",
    "export": "app.cli.commands.export:app",
    "import": "app.cli.commands.import_:app",
    "archive": "app.cli.commands.archive:app",
    "backup": "app.cli.commands.backup:backup",
    "restore": "app.cli.commands.backup:restore",
    "verify": "app.cli.commands.proof:verify",
    "erase": "app.cli.commands.proof:erase",
    "keys": "app.cli.commands.keys:app",
    "witness": "app.cli.commands.witness:app",
    "schema": "app.cli.commands.schema:app",
    "config": "app.cli.commands.config:config",
    "token": "app.cli.commands.token:token",
}


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"runlog {version('agent-run-log')}")
        raise typer.Exit


def _root(
    _: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """The system of record for fleets of scheduled AI agents.

    \b
    Examples:
      runlog up
      runlog report sage success --summary "Rotated 3 log files"
      runlog runs
    """


def make_app(names: Sequence[str]) -> typer.Typer:
    """The command line with the commands of these names."""
    app = typer.Typer(
        name="runlog",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    for name in names:
        module, _, attribute = COMMANDS[name].partition(":")
        command = getattr(import_module(module), attribute)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name)(command)
    return app


def _open_closed_streams() -> None:
    """Open what of stdin, stdout and stderr was closed: else a file or socket would become one of them."""
    for descriptor, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != descriptor:
                os.dup2(nowhere, descriptor)
                os.close(nowhere)
            os.set_inheritable(descriptor, True)  # to the commands of `exec`
            setattr(sys, name, os.fdopen(descriptor, mode, closefd=False))


def main() -> None:
    """Run the command line; an error is one plain sentence on stderr and exit status 1."""
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        # What a terminal cannot show is no reason to fail.
        if isinstance(stream, TextIOWrapper) and stream.errors in ("strict", "surrogateescape"):
            stream.reconfigure(errors="replace")
    wanted = [argument for argument in sys.argv[1:2] if argument in COMMANDS]
    try:
        make_app(wanted or list(COMMANDS))()
    except RunLogError as error:
        from app.kit.secrets import redact  # its patterns take longer to compile than --help does
        from app.kit.text import printable

        sys.exit(printable(redact(f"runlog: {error}")))
    except OSError as error:
        # What stdout still holds would fail once more at exit, and say so.
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 1)
        sys.exit(f"runlog: {error.strerror or error}")


if __name__ == "__main__":
    main()
