"""`runlog show`: one run in full."""

import msgspec
from rich.text import Text

from app.cli.answers import RunInFull, decoded, is_null
from app.cli.api_client import path_of
from app.cli.log_api import open_api, public_pages, whole_id
from app.cli.output import check_id, console, print_json
from app.kit.text import escape_unprintable, printable


def show(run_id: str, as_json: bool) -> None:
    """Print the run whose id begins with `run_id`. Raises `NotFoundError`."""
    beginning = check_id(run_id)
    with open_api() as api:
        content = api.request("GET", path_of("agent-run-log", whole_id(api, beginning)))
    if as_json:
        print_json(content.decode())
    else:
        _print(decoded(content, RunInFull))


def _print(run: RunInFull) -> None:
    out = console()
    fields = {
        "id": run.id,
        "agent_id": run.agent_id,
        "status": run.status,
        "action_summary": run.action_summary,
        "run_at": run.ran,
        "created_at": run.created,
        "consecutive_silence_count": run.consecutive_silence_count,
        "score": _score(run),
    }
    if pages := public_pages():
        fields["page"] = f"{pages}/runs/{run.id}"
    for name, value in fields.items():
        out.print(_line(name, "-" if value is None else str(value)), soft_wrap=True)
    if run.is_scored:
        out.print(Text(_pretty(run.rlhf_scores)), soft_wrap=True)
    if not is_null(run.actions_taken):
        out.print(_line("actions_taken", ""))
        out.print(Text(_pretty(run.actions_taken)), soft_wrap=True)


def _score(run: RunInFull) -> str:
    """The run's score in words; what it holds follows."""
    if not run.is_scored:
        return "waits"
    scoring = run.scoring
    return f"{scoring.band}: {scoring.meaning}" if scoring.state == "scored" else ""


def _line(name: str, value: str) -> Text:
    return Text.assemble((f"{name}: ", "bold"), printable(value))


def _pretty(value: msgspec.Raw) -> str:
    """JSON on several lines, its numbers as they were sent; what is nested too deep for that as it is."""
    try:
        text = msgspec.json.format(bytes(value)).decode()
    except RecursionError:
        text = bytes(value).decode()
    return "\n".join(map(escape_unprintable, text.split("\n")))
