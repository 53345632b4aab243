"""`runlog report` and `runlog exec`: tell the log about a run from a shell."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from app.cli.output import Status
from app.config import get_settings
from app.errors import RunLogError

ENDPOINT = "/api/v1/internal/agent-run-log"
_TIMEOUT = 10.0
_OUTPUT_TAIL = 2000


def report(
    agent: Annotated[str, typer.Argument(help="Who ran, for example sage.")],
    status: Annotated[Status, typer.Argument(help="How it went.")],
    summary: Annotated[str | None, typer.Option(help="What it did, in a sentence.")] = None,
    actions: Annotated[
        str | None, typer.Option(help="More about it: a JSON object, @FILE, or - for stdin.")
    ] = None,
) -> None:
    """Report one finished run to the server at RUNLOG_URL."""
    taken = _read_actions(actions) if actions is not None else {}
    if summary is not None:
        taken["summary"] = summary
    _post(agent, status.value, taken)


def execute(
    command: Annotated[list[str], typer.Argument(metavar="-- CMD [ARGS]...", help="What to run.")],
    agent: Annotated[str, typer.Option(help="Who runs it.")],
) -> None:
    """Run a command, report how it went, and exit as it did.

    A report that cannot be sent is a warning: it never changes the exit code.
    """
    started = time.monotonic()
    code, tail = _run(command)
    seconds = round(time.monotonic() - started, 3)
    outcome = "succeeded" if code == 0 else f"failed with exit code {code}"
    actions: dict[str, Any] = {
        "summary": f"{Path(command[0]).name} {outcome} after {seconds:g} s",
        "command": Path(command[0]).name,
        "exit_code": code,
        "duration_seconds": seconds,
    }
    if tail:
        actions["output_tail"] = tail
    try:
        _post(agent, "success" if code == 0 else "failed", actions)
    except RunLogError as error:
        typer.echo(f"runlog: the run was not reported: {error}", err=True)
    raise typer.Exit(code)


def _run(command: list[str]) -> tuple[int, str]:
    """Run `command`, pass its output on as it comes, and return its exit code and the output's end."""
    try:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except OSError as error:
        typer.echo(f"runlog: {command[0]}: {error.strerror}", err=True)
        return 127 if isinstance(error, FileNotFoundError) else 126, str(error)
    tail = b""
    with process:
        assert process.stdout is not None  # noqa: S101  # a pipe was asked for
        while chunk := os.read(process.stdout.fileno(), 65536):
            sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
            tail = (tail + chunk)[-4 * _OUTPUT_TAIL :]
    code = process.returncode
    # As a shell says it: 128 and the number of the signal that ended the command.
    return (code if code >= 0 else 128 - code), _storable(tail)


def _storable(output: bytes) -> str:
    return output.decode(errors="replace").replace("\0", "")[-_OUTPUT_TAIL:].strip()


def _read_actions(text: str) -> dict[str, Any]:
    try:
        if text == "-":
            text = sys.stdin.read()
        elif text.startswith("@"):
            text = Path(text[1:]).read_text(encoding="utf-8")
        actions = json.loads(text)
    except OSError as error:
        raise typer.BadParameter(f"cannot read {text[1:]}: {error.strerror}") from error
    except ValueError as error:
        raise typer.BadParameter(f"--actions is not JSON: {error}") from error
    if not isinstance(actions, dict):
        raise typer.BadParameter("--actions must be a JSON object")
    return actions


def _post(agent: str, status: str, actions: dict[str, Any]) -> None:
    """Send one run. Raises `RunLogError` saying why it was not recorded."""
    base = get_settings().url.rstrip("/")
    run = {"agent_id": agent, "status": status, "actions_taken": actions}
    try:
        response = httpx.post(base + ENDPOINT, json=run, timeout=_TIMEOUT)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise RunLogError(f"{base} does not answer: {error}") from error
    if response.status_code != 204:
        raise RunLogError(f"{base} answered {response.status_code}: {_reason(response)}")


def _reason(response: httpx.Response) -> str:
    try:
        detail = response.json()["detail"]
    except (ValueError, KeyError, TypeError):
        return response.reason_phrase
    if isinstance(detail, list):
        return "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in detail)
    return str(detail)
