"""Send a run to the server: kept in the spool until it is recorded, whatever becomes of the server or of us.

The spool is the client package's; what may be tried again, and when, is decided there.
"""

import random
import ssl
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from http.client import HTTPException
from typing import Any, NamedTuple, cast

from agent_run_log._answers import Outcome, Verdict, answered, send_or_leave_out_times, unanswered
from agent_run_log._entry import Entry
from agent_run_log._errors import SpoolError
from agent_run_log._spool import Spool
from app.cli.http_post import post_json
from app.environment import read_token, read_url
from app.errors import ConfigError, RunLogError
from app.kit.backoff import Backoff
from app.kit.strict_json import dumps_exactly

ENDPOINT = "/api/v1/internal/agent-run-log"
START_ENDPOINT = "/api/v1/internal/agent-run-start"

RETRY_SECONDS = 30.0
"""How long a run is tried again: `runlog up` is back from a restart in half of that."""

START_SECONDS = 3.0
"""How long a start signal may take: longer than a server that answers at all."""

# How long a run that is recorded goes on to have others' delivered: a thousand of them take less.
_OTHERS_SECONDS = 5.0
# In seconds, as the specified client has it.
_TIMEOUT = 10.0
# Many agents that were refused together must not come back together.
_BACKOFF = Backoff.exponential(timedelta(seconds=0.25), timedelta(seconds=4), spread=(0.5, 1.5))


class Sent(NamedTuple):
    """What became of a run: it is recorded, with its id where the server says one, or kept, and why.

    `is_for_later` says that nothing but the server's return is needed for it to be recorded.
    """

    run_id: str | None = None
    kept_for: str = ""
    is_for_later: bool = True


def make_entry(agent: str, status: str, actions: dict[str, Any], *, key: str, **fields: str | None) -> Entry:
    """A run as it is sent: `fields` are `source`, `started_at` and `finished_at`, None where there is none.

    Raises `RunLogError` where the agent's name cannot be sent.
    """
    given = {name: value for name, value in fields.items() if value is not None}
    try:
        run = {"agent_id": agent, "status": status, "actions_taken": actions, "run_key": key, **given}
        body = dumps_exactly(run).encode()
    except UnicodeEncodeError as error:
        raise RunLogError("the agent's name is not valid UTF-8") from error
    return Entry(body, key)


class Sending:
    """The sending of one run, behind all that waits in the spool."""

    def __init__(self, entry: Entry) -> None:
        self.is_kept = False
        """Whether the run is in the spool, so that it outlives this process."""
        self._entry = entry
        self._name = self._unusable = ""
        self._is_behind = False
        self._spool: Spool | None = None
        self._own = self._latest = Outcome(Verdict.UNAVAILABLE)

    def keep(self) -> None:
        """Put the run into the spool, behind earlier ones; where that cannot be used, it is sent without."""
        try:
            spool = Spool()
            self._is_behind = not spool.is_empty()
            self._name = spool.add(self._entry)
        except SpoolError as error:
            self._unusable = str(error)
            return
        self._spool, self.is_kept = spool, True

    def send(self) -> Sent:
        """Have the server record the run, once however often it is sent, and before it all that waits.

        Where the server is away, that is tried again for `RETRY_SECONDS`, unless others waited before: then
        it has been away for longer. What could not be sent stays kept.
        Raises `RunLogError` where the server refuses the run, and where it is neither recorded nor kept.
        """
        start, tries = time.monotonic(), 0
        while True:
            tries += 1
            left = RETRY_SECONDS - (time.monotonic() - start)
            outcome = self._try(left)
            if outcome.verdict is Verdict.ACCEPTED:
                if tries > 1:
                    self._deliver_others()
                return Sent(outcome.run_id)
            if outcome.verdict is Verdict.REFUSED:
                raise RunLogError(outcome.reason)
            pause = max(outcome.retry_after, _BACKOFF.delay(tries, random.random()).total_seconds())  # noqa: S311
            is_for_later = outcome.verdict is Verdict.UNAVAILABLE
            if not is_for_later or self._is_behind or time.monotonic() - start + pause > RETRY_SECONDS:
                break
            if tries == 1 and sys.stderr and sys.stderr.isatty():
                print(f"runlog: trying again for {RETRY_SECONDS:g} s: {outcome.reason}", file=sys.stderr)
            time.sleep(pause)
        reason = outcome.reason if tries == 1 else f"{outcome.reason} (after {tries} attempts)"
        if self.is_kept:
            return Sent(kept_for=reason, is_for_later=is_for_later)
        raise RunLogError(f"{reason}; {self._unusable}")

    def _try(self, seconds: float) -> Outcome:
        """Send what waits, through this run, within so many seconds."""
        if self._spool is None:
            return send_entry(self._entry)
        try:
            delivery = self._spool.deliver(self._send, seconds=seconds, through=self._name)
        except SpoolError as error:
            return Outcome(Verdict.UNEXPECTED, str(error))
        state = self._spool.state_of(self._name)
        if state == "queue":
            verdict = self._latest.verdict if delivery.reason == self._latest.reason else Verdict.UNAVAILABLE
            return Outcome(verdict, delivery.reason, delivery.pause)
        if state != "delivered":
            return Outcome(
                Verdict.REFUSED, self._spool.reason_of(self._name) or "it was damaged in the spool"
            )
        return Outcome(Verdict.ACCEPTED, run_id=self._own.run_id)

    def _deliver_others(self) -> None:
        """Send what others have kept behind this run, who did not wait for the server as we did."""
        if self._spool is not None:
            with suppress(SpoolError):  # they are kept
                self._spool.deliver(send_entry, seconds=_OTHERS_SECONDS)

    def _send(self, entry: Entry) -> Outcome:
        self._latest = send_entry(entry)
        if entry.run_key == self._entry.run_key and entry.body == self._entry.body:
            self._own = self._latest
        return self._latest


def send_entry(entry: Entry) -> Outcome:
    """Send one run."""
    return send_or_leave_out_times(
        lambda each: _post(ENDPOINT, each.body, {"Idempotency-Key": each.run_key}, _TIMEOUT), entry
    )


def send_start(agent: str, key: str, started_at: str) -> str:
    """Tell the server that a run has begun; return why that did not succeed, or nothing."""
    try:
        body = dumps_exactly({"agent_id": agent, "run_key": key, "started_at": started_at}).encode()
    except UnicodeEncodeError:
        return "the agent's name is not valid UTF-8"
    outcome = _post(START_ENDPOINT, body, {}, START_SECONDS)
    return "" if outcome.verdict is Verdict.ACCEPTED else outcome.reason


def _post(path: str, body: bytes, headers: dict[str, str], timeout: float) -> Outcome:
    try:
        base = read_url().rstrip("/")  # each time: a server that was started again may have another port
        if token := read_token():
            headers = {**headers, "Authorization": f"Bearer {token}"}
    except ConfigError as error:
        return Outcome(Verdict.UNEXPECTED, str(error))
    try:
        answer = post_json(base + path, body, timeout, headers)
    except (ValueError, ssl.SSLCertVerificationError) as error:
        return Outcome(Verdict.UNEXPECTED, f"{base} cannot be used: {error}")
    except (OSError, HTTPException) as error:
        outcome = unanswered(error)
    else:
        # Its headers are found whatever their case, as those of no dict are.
        outcome = answered(answer.status, cast("Mapping[str, str]", answer.headers), answer.body)
    return Outcome(outcome.verdict, f"{base}: {outcome.reason}", outcome.retry_after, outcome.run_id)
