"""`runlog`: the command line. Each group of commands is a module beside this one."""

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from app.cli import audit, celery, config, report, runs, schema, serve, up
from app.errors import RunLogError

app = typer.Typer(
    name="runlog",
    help="The system of record for fleets of scheduled AI agents.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"runlog {version('agent-run-log')}")
        raise typer.Exit


@app.callback()
def _root(
    _: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


app.command()(up.up)
app.command()(serve.serve)
app.command()(celery.worker)
app.command()(celery.beat)
app.command()(report.report)
app.command("exec", context_settings={"ignore_unknown_options": True})(report.execute)
app.command()(runs.runs)
app.add_typer(audit.app, name="audit")
app.add_typer(schema.app, name="schema")
app.command()(config.config)


def main() -> None:
    """Run the command line; an error is one plain sentence on stderr and exit status 1."""
    try:
        app()
    except RunLogError as error:
        sys.exit(f"runlog: {error}")
    except BrokenPipeError:
        # Whoever read our output has gone, as in `runlog runs | head`.
        sys.stderr.close()
        sys.exit(1)


if __name__ == "__main__":
    main()
