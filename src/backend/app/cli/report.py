"""`runlog report` and `runlog exec`: tell the log about a run from a shell."""

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from decimal import Decimal
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from typing import Any, TextIO

import msgspec
import typer

from app.cli.http_post import Answer, post_json
from app.cli.options import Status
from app.environment import read_url
from app.errors import RunLogError
from app.kit import strict_json

ENDPOINT = "/api/v1/internal/agent-run-log"
# In seconds, as the specified client has it.
_TIMEOUT = 10.0
# Characters of a command's output that its report keeps: the last screen or two.
_OUTPUT_TAIL = 2000
# Bytes of a character at most, in UTF-8.
_UTF_8_BYTES = 4
# Bytes of a read: a pipe's capacity on Linux (pipe(7)).
_CHUNK = 65536

_encode = msgspec.json.Encoder(decimal_format="number").encode


def report(agent: str, status: Status, summary: str | None, actions: str | None) -> None:
    """Report one run. Raises `RunLogError` when it was not recorded, `typer.BadParameter` for `actions`."""
    taken = _read_actions(actions) if actions is not None else {}
    if summary is not None:
        taken["summary"] = _storable(os.fsencode(summary))
    _post(agent, status.value, taken)


def execute(command: list[str], agent: str) -> None:
    """Run `command`, report it, and raise `typer.Exit` with its exit code; a failed report is a warning."""
    started = time.monotonic()
    code, tail = _run(command)
    seconds = round(time.monotonic() - started, 3)
    outcome = "succeeded" if code == 0 else f"failed with exit code {code}"
    name = _storable(os.fsencode(Path(command[0]).name))
    actions: dict[str, Any] = {
        "summary": f"{name} {outcome} after {seconds:g} s",
        "command": name,
        "exit_code": code,
        "duration_seconds": seconds,
    }
    if tail:
        actions["output_tail"] = tail
    try:
        _post(agent, "success" if code == 0 else "failed", actions)
    except RunLogError as error:
        typer.echo(_masked(f"runlog: the run was not reported: {error}"), err=True)
    raise typer.Exit(code)


def _run(command: list[str]) -> tuple[int, str]:
    """Run `command`, pass its output on as it comes, and return its exit code and the output's end."""
    try:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    except OSError as error:
        typer.echo(f"runlog: {command[0]}: {error.strerror}", err=True)
        return 127 if isinstance(error, FileNotFoundError) else 126, str(error)
    # A signal that asks us to end is passed on, and the end of the command is reported. Ctrl-C reaches the
    # command by itself.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: process.send_signal(number))
    signal.signal(signal.SIGINT, lambda *_: None)
    with process:
        tail = _pass_on_output(process)
    code = process.returncode
    # As shells do: 128 plus the number of the signal that ended the command (POSIX, 2.8.2).
    return (code if code >= 0 else 128 - code), _storable(tail)


def _pass_on_output(process: subprocess.Popen[bytes]) -> bytes:
    """Pass on what `process` writes until it has closed both streams, and return the end of it."""
    tail = b""
    with selectors.DefaultSelector() as streams:
        for source, target in ((process.stdout, sys.stdout), (process.stderr, sys.stderr)):
            if source is not None:
                streams.register(source, selectors.EVENT_READ, (source, target))
        while streams.get_map():
            for ready, _ in streams.select():
                source, target = ready.data
                chunk = os.read(ready.fd, _CHUNK)
                tail = (tail + chunk)[-_UTF_8_BYTES * _OUTPUT_TAIL :]
                if not chunk or not _write(chunk, target):
                    # The reader has closed our stream: closing the command's passes that on to it.
                    streams.unregister(source)
                    source.close()
    return tail


def _write(chunk: bytes, target: TextIO | None) -> bool:
    """Write `chunk`, or drop it where there is no `target`; False when it cannot be written."""
    try:
        while chunk and target is not None:
            chunk = chunk[os.write(target.fileno(), chunk) :]
    except OSError:
        return False
    return True


def _storable(output: bytes) -> str:
    return output.decode(errors="replace").replace("\0", "")[-_OUTPUT_TAIL:].strip()


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
    # As Decimals its numbers arrive as they were written.
    actions = json.loads(text, parse_int=Decimal, parse_float=Decimal)
    if not isinstance(actions, dict):
        raise typer.BadParameter("--actions must be a JSON object")
    return actions


def _read(source: str) -> bytes:
    if source == "-":
        return sys.stdin.buffer.read() if sys.stdin else b""
    return Path(source[1:]).read_bytes() if source.startswith("@") else os.fsencode(source)


def _post(agent: str, status: str, actions: dict[str, Any]) -> None:
    """Send one run. Raises `RunLogError` saying why it was not recorded."""
    base = read_url().rstrip("/")
    try:
        run = _encode({"agent_id": agent, "status": status, "actions_taken": actions})
    except UnicodeEncodeError as error:
        raise RunLogError("the agent's name is not valid UTF-8") from error
    try:
        answer = post_json(base + ENDPOINT, run, _TIMEOUT)
    except (OSError, HTTPException, ValueError) as error:
        raise RunLogError(f"{base} does not answer: {error}") from error
    if answer.status != HTTPStatus.NO_CONTENT:
        raise RunLogError(f"{base} answered {answer.status}: {_reason(answer)}")


def _reason(answer: Answer) -> str:
    try:
        detail = json.loads(answer.body)["detail"]
        if isinstance(detail, list):
            return "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in detail)
    except (ValueError, KeyError, TypeError):
        return answer.reason  # it is not our server that answered
    return str(detail)
