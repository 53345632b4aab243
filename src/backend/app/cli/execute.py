"""`runlog exec`: run a command, report how it went, and end as it did."""

import os
import signal
import time
from contextlib import suppress
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from threading import Event, Thread

import typer

from app.cli.actions_file import VARIABLE, ActionsFile, is_within_exec
from app.cli.child_command import ENDING_SECONDS, PASSED_ON, CommandEnd, Ending, run
from app.cli.command_output import plain
from app.cli.command_report import report_of
from app.cli.masking import masked, masked_text
from app.cli.run_keys import key_under_way, new_key, now
from app.cli.sending import START_SECONDS, Sending, make_entry, send_start
from app.cli.signals import SignalPipe
from app.environment import read_url
from app.errors import ConfigError, RunLogError

SOURCE = "exec"
"""Who says what is reported here, beside the agent itself."""


def execute(
    command: list[str],
    agent: str,
    *,
    key: str | None,
    summary: str | None,
    timeout: timedelta | None,
    started: bool,
) -> None:
    """Run `command`, report it, and raise `typer.Exit` with its exit code; a failed report is a warning.

    1. Where `started` says so, a thread tells the server that the run begins.
    2. The command is run until it ends, or does not a second after a signal asked it to.
    3. Its run is kept and sent, by a thread: whatever that waits for, a signal is heeded.
    4. It ends as the command did.
    """
    key = key or (None if is_within_exec(os.environ) else key_under_way(agent)) or new_key()
    ending = Ending()
    with SignalPipe((*PASSED_ON, signal.SIGCHLD)) as signals, ActionsFile(os.environ) as file:
        run_ = _Run(agent, key, command[0], summary, file)
        if started:
            run_.signal_start()
        end = run(
            command,
            signals,
            ending,
            env=run_.environment(),
            timeout=timeout,
            when_it_writes=_load_what_masks,
        )
        note = _in_time(run_, end, signals, ending)
    if note:
        typer.echo(note, err=True)
    raise typer.Exit(end.code)


class _Run:
    """One run of a command, from its start until it is reported."""

    def __init__(self, agent: str, key: str, program: str, summary: str | None, file: ActionsFile) -> None:
        self.sending: Sending | None = None
        self.notes: list[str] = []
        """What is to be said on stderr of the report."""
        self._agent = agent
        self._key = key
        self._name = plain(os.fsencode(Path(program).name))
        self._summary = None if summary is None else plain(os.fsencode(summary))
        self._file = file
        self._started_at, self._clock = now(), time.monotonic()
        self._start: Thread | None = None

    def signal_start(self) -> None:
        """Tell the server that the run begins, whatever becomes of that."""
        self._start = Thread(target=send_start, args=(self._agent, self._key, self._started_at), daemon=True)
        self._start.start()

    def environment(self) -> dict[str, str]:
        """What the command finds in its environment, so that its own report is one of this run."""
        env = {**os.environ, "RUNLOG_RUN_KEY": self._key, "RUNLOG_AGENT_ID": self._agent}
        if self._file.path is not None:
            env[VARIABLE] = str(self._file.path)
        with suppress(ConfigError):  # the report says what is wrong with the setting
            env["RUNLOG_URL"] = read_url()
        return env

    def report(self, end: CommandEnd) -> None:
        """Report how the command ended; `notes` say what did not go as it should."""
        try:
            self._report(end)
        except RunLogError as error:
            self.notes.append(f"the run was not reported: {error}")

    def _report(self, end: CommandEnd) -> None:
        seconds, finished_at = round(time.monotonic() - self._clock, 3), now()
        given, unread = None, {}
        try:
            given = self._file.read()
        except ValueError as error:
            self.notes.append(f"what is in {self._file.path} was reported as text: {error}")
            unread = {"actions_file": self._file.beginning()}
        status, actions, ignored = report_of(self._name, end, seconds, given=given, summary=self._summary)
        if ignored:
            self.notes.append(f"the JSON object on stdout was not reported as such: {ignored}")
        self.sending = Sending(
            make_entry(
                self._agent,
                status,
                masked(actions | unread),
                key=self._key,
                source=SOURCE,
                started_at=self._started_at,
                finished_at=finished_at,
            )
        )
        self.sending.keep()
        if self._start is not None:
            self._start.join(START_SECONDS)  # the end is not to come before the start
        if kept_for := self.sending.send().kept_for:
            self.notes.append(f"the run is kept and sent later: {kept_for}")


def _load_what_masks() -> None:
    Thread(target=import_module, args=("app.kit.secrets",), daemon=True).start()


def _in_time(run_: _Run, end: CommandEnd, signals: SignalPipe, ending: Ending) -> str:
    """Report to the end, or until our time is over after a signal; return what is to be said of it."""
    is_over = Event()

    def work() -> None:
        try:
            run_.report(end)
        finally:
            is_over.set()
            with suppress(OSError):  # nothing waits any more
                signals.wake()

    Thread(target=work, daemon=True).start()
    while not is_over.is_set():
        left = ending.left(ENDING_SECONDS)
        if left == 0.0 and ending.by is not None:
            is_kept = run_.sending is not None and run_.sending.is_kept
            what = "is kept and sent later" if is_kept else "was not reported"
            return f"runlog: the run {what}: {ending.by.name} came before the server had answered"
        signals.wait(left)
        for number in signals.read():
            ending.note(number)
    return "\n".join(masked_text(f"runlog: {note}") for note in run_.notes)
