"""`runlog report` and `runlog exec`: tell the log about a run from a shell."""

import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any

import typer

from app.cli.child_command import ENDING_SECONDS, PASSED_ON, CommandEnd, Ending, run
from app.cli.command_output import plain
from app.cli.options import Status
from app.cli.sending import send_run
from app.cli.signals import SignalPipe
from app.errors import RunLogError
from app.kit import strict_json
from app.runs.silence import is_silent


def report(agent: str, status: Status, summary: str | None, actions: str | None, key: str | None) -> None:
    """Report one run and print its id.

    Raises `RunLogError` when it was not recorded, `typer.BadParameter` for `actions`.
    """
    taken = _read_actions(actions) if actions is not None else {}
    if summary is not None:
        taken["summary"] = plain(os.fsencode(summary))
    if run_id := send_run(agent, status.value, taken, key):
        typer.echo(run_id)


def execute(command: list[str], agent: str) -> None:
    """Run `command`, report it, and raise `typer.Exit` with its exit code; a failed report is a warning.

    1. The command is run until it ends, or does not a second after a signal asked it to.
    2. Its run is sent, by a thread: whatever that waits for, a signal is heeded.
    3. It ends as the command did.
    """
    ending = Ending()
    with SignalPipe((*PASSED_ON, signal.SIGCHLD)) as signals:
        started = time.monotonic()
        end = run(command, signals, ending)
        actions = _actions(command[0], end, round(time.monotonic() - started, 3))
        status = "success" if end.code == 0 else "failed"
        failure = _in_time(lambda: send_run(agent, status, actions), signals, ending)
    if failure is not None:
        typer.echo(_masked(f"runlog: the run was not reported: {failure}"), err=True)
    raise typer.Exit(end.code)


def _actions(program: str, end: CommandEnd, seconds: float) -> dict[str, Any]:
    """What is reported of a command; of one that succeeded and said nothing, no word of ours either."""
    text = end.output.text()
    if end.code == 0 and is_silent({"summary": text}):
        return {"summary": text} if text else {}
    name = plain(os.fsencode(Path(program).name))
    if end.code == 0:
        summary = end.output.last_line()
    elif end.ignored is not None:
        summary = f"{name} did not end at {end.ignored.name}"
    else:
        summary = end.output.error_line() or f"{name} failed with exit code {end.code}"
    actions = {"summary": summary, "command": name, "exit_code": end.code, "duration_seconds": seconds}
    return actions | ({"output_tail": text} if text else {})


def _in_time(send: Callable[[], object], signals: SignalPipe, ending: Ending) -> str | None:
    """Send to the end, or until our time is over after a signal; return why it failed, None if it did not."""
    failures: list[str] = []
    is_over = Event()

    def work() -> None:
        try:
            send()
        except RunLogError as error:
            failures.append(str(error))
        finally:
            is_over.set()
            with suppress(OSError):  # nothing waits any more
                signals.wake()

    Thread(target=work, daemon=True).start()
    while not is_over.is_set():
        left = ending.left(ENDING_SECONDS)
        if left == 0.0 and ending.by is not None:
            return f"{ending.by.name} came before the server had answered"
        signals.wait(left)
        for number in signals.read():
            ending.note(number)
    return failures[0] if failures else None


def _masked(error: str) -> str:
    from app.kit.secrets import redact  # its patterns take long to compile: only for an error

    return redact(error)


def _read_actions(source: str) -> dict[str, Any]:
    try:
        text = _read(source)
        strict_json.check_text(strict_json.loads(text))
    except OSError as error:
        raise typer.BadParameter(f"cannot read {source}: {error.strerror}") from error
    except strict_json.StrictJSONError as error:
        raise typer.BadParameter(_masked(f"--actions is not valid: {error}")) from error
    actions = strict_json.loads_as_decimals(text)
    if not isinstance(actions, dict):
        raise typer.BadParameter("--actions must be a JSON object")
    return actions


def _read(source: str) -> bytes:
    if source == "-":
        return sys.stdin.buffer.read() if sys.stdin else b""
    return Path(source[1:]).read_bytes() if source.startswith("@") else os.fsencode(source)
