"""`runlog score judge`: try the judge, and see what it did."""

import asyncio
from uuid import uuid4

import msgspec
import typer

from app.cli.output import print_json_lines, run_on_database
from app.config import get_settings
from app.db.session import transaction
from app.errors import ConfigError
from app.kit.text import printable
from app.scoring.endpoint.client import Judge
from app.scoring.judge import Case, prepare
from app.scoring.judge.prompt import version
from app.scoring.judge.reply import Outcome, Reply
from app.scoring.judge_status import JudgeStatus, judge_status
from app.scoring.rubric import RunReport
from app.wiring import judge_settings

_EXAMPLE = RunReport(
    "sage",
    "success",
    {
        "summary": "Fixed database connection pool leak in session.py",
        "files_changed": ["src/backend/app/db/session.py"],
        "tests_run": 14,
        "tests_passed": 14,
        "pr_created": "#3456",
    },
)


def try_judge() -> None:
    """Ask about an example and print the answer; raises `typer.Exit` where it is no judgement."""
    settings = get_settings()
    judge = Judge(judge_settings(settings))
    case = prepare(uuid4(), _EXAMPLE, [], judge.fence_key)
    if not isinstance(case, Case):
        raise TypeError("the example is not fit to be sent")
    typer.echo(f"asking {printable(judge.model)}")
    reply = asyncio.run(_ask(judge, case))
    if reply.verdict is None:
        typer.echo(
            f"no judgement after {reply.seconds:.1f} s: {reply.outcome.value}: {printable(reply.error)}"
        )
        raise typer.Exit(1)
    typer.echo(
        f"judged {reply.verdict.overall:g} after {reply.seconds:.1f} s; the rubric says {case.rubric:g}"
    )
    for name, value in reply.verdict.dimensions.items():
        typer.echo(f"  {printable(name)} {value:g}")
    for reason in reply.verdict.reasons:
        typer.echo(f"  {printable(reason)}")
    typer.echo(f"it took {reply.prompt_tokens} tokens and answered with {reply.completion_tokens}")


async def _ask(judge: Judge, case: Case) -> Reply:
    try:
        while (reply := await judge.ask(case.prompt)).outcome is Outcome.FORM_REFUSED:
            typer.echo(
                f"the endpoint refuses this form of request, and gets a simpler one: {printable(reply.error)}"
            )
        return reply
    finally:
        await judge.close()


def status(as_json: bool) -> None:
    """Print today's calls and what came of the runs. Raises `ConfigError` without a judge."""
    settings = get_settings()
    if not settings.judge_is_on or settings.judge_model is None:
        raise ConfigError("no judge is set: RUNLOG_JUDGE_URL and RUNLOG_JUDGE_MODEL")
    name = version(settings.judge_model)
    found = run_on_database(_status(name))
    costs = found.costs
    left = max(0, settings.judge_daily_budget - costs.calls_today)
    if as_json:
        facts = {"version": name, "budget": settings.judge_daily_budget, "budget_left": left}
        print_json_lines([facts | msgspec.to_builtins(found)])
        return
    typer.echo(f"judge: {printable(name)}")
    typer.echo(f"today: {costs.calls_today} of {settings.judge_daily_budget} calls, {left} left")
    typer.echo(f"tokens today: {costs.prompt_tokens_today} sent, {costs.completion_tokens_today} answered")
    typer.echo(
        f"runs: {found.judged} judged, {found.waiting} to be tried again, {found.given_up} given up,"
        f" {found.not_sent} not sent"
    )


async def _status(name: str) -> JudgeStatus:
    async with transaction() as session:
        return await judge_status(session, name)
