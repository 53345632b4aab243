"""`runlog import`: history that other programs have of past runs."""

from typing import Annotated

import typer

app = typer.Typer(
    no_args_is_help=True,
    help="""Import past runs from other programs.

\b
Examples:
  runlog import openclaw ~/.openclaw
  runlog import hermes ~/.hermes
""",
)


@app.command()
def openclaw(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            help="Files: JSON of `openclaw cron list --json` or `openclaw cron runs`, OpenClaw's database or"
            " its directory; - reads JSON from stdin.",
        ),
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be imported.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Import the runs and schedules of OpenClaw's cron jobs.

    A run that is in the log already is not imported again; the same command may be repeated. Heartbeats and
    other jobs of the gateway itself are left out. Agents' schedules are declared by its jobs; one that a
    person declared stays.

    \b
    Examples:
      runlog import openclaw ~/.openclaw --dry-run
      openclaw cron list --json > jobs.json
      openclaw cron runs --id JOB > runs.json
      runlog import openclaw jobs.json runs.json
    """
    from app.cli import import_openclaw as work

    work.import_openclaw(sources, dry_run=dry_run, as_json=as_json)


@app.command()
def hermes(
    source: Annotated[
        str, typer.Argument(help="Hermes' ledger `cron/executions.db`, or the directory of its profile.")
    ],
    agent: Annotated[str, typer.Option(help="Whose runs they are.")] = "hermes",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Import the runs of Hermes' cron jobs, from its ledger.

    A run that is in the log already is not imported again; the same command may be repeated. One that goes on
    is left out.

    \b
    Examples:
      runlog import hermes ~/.hermes
      runlog import hermes ~/.hermes/profiles/nova --agent nova
    """
    from app.cli import import_hermes as work

    work.import_hermes(source, agent, as_json=as_json)
