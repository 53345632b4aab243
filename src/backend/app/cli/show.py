"""`runlog show`: one run in full."""

from typing import Any

import msgspec
from rich.text import Text

from app.cli.output import check_id, console, print_json_lines, run_on_database
from app.config import get_settings
from app.db.session import transaction
from app.kit.text import escape_unprintable, printable
from app.runs.queries import find_run, get_run
from app.scoring.status import scoring_of

_FIELDS = ("id", "agent_id", "status", "action_summary", "run_at", "created_at", "consecutive_silence_count")


def show(run_id: str, as_json: bool) -> None:
    """Print the run whose id begins with `run_id`. Raises `NotFoundError`."""
    run = run_on_database(_run(check_id(run_id)))
    if as_json:
        print_json_lines([run])
        return
    out = console()
    for field in _FIELDS:
        value = run[field]
        out.print(_line(field, "-" if value is None else str(value)), soft_wrap=True)
    out.print(_line("score", _score(run)), soft_wrap=True)
    settings = get_settings()
    if settings.public_url:
        out.print(_line("page", f"{settings.pages_url}/runs/{run['id']}"), soft_wrap=True)
    for name in ("rlhf_scores", "actions_taken"):
        if run[name] is not None:
            if name == "actions_taken":
                out.print(_line(name, ""))
            out.print(Text(_pretty(run[name])), soft_wrap=True)


async def _run(beginning: str) -> dict[str, Any]:
    async with transaction() as session:
        run_id = await find_run(session, beginning)
        return await get_run(session, run_id) | await scoring_of(session, run_id)


def _score(run: dict[str, Any]) -> str:
    """The run's score in words; what it holds follows."""
    if run["rlhf_scores"] is None:
        return "waits"
    scoring = run["scoring"]
    return f"{scoring['band']}: {scoring['meaning']}" if scoring["state"] == "scored" else ""


def _line(name: str, value: str) -> Text:
    return Text.assemble((f"{name}: ", "bold"), printable(value))


def _pretty(value: msgspec.Raw) -> str:
    """JSON on several lines, its numbers as they were sent; what is nested too deep for that as it is."""
    try:
        text = msgspec.json.format(bytes(value)).decode()
    except RecursionError:
        text = bytes(value).decode()
    return "\n".join(map(escape_unprintable, text.split("\n")))
