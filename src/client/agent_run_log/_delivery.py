"""Delivering what is spooled, by HTTP."""

import importlib
import math
import time

from agent_run_log._answers import Outcome, Verdict, send_or_leave_out_times
from agent_run_log._entry import Entry
from agent_run_log._settings import Target
from agent_run_log._spool import Delivery, Spool

POST_SECONDS = 10.0
"""How long one report is waited for at most: a server answers within these in any case."""


def deliver(
    spool: Spool, target: Target, seconds: float = math.inf, through: str | None = None
) -> tuple[Delivery, dict[str, Outcome]]:
    """Deliver as `Spool.deliver` does; also the outcome of the last report that was sent, by its run key.

    Raises `SpoolError`.
    """
    if seconds > 0:
        load()
    deadline = time.monotonic() + seconds
    last: dict[str, Outcome] = {}

    def send(entry: Entry) -> Outcome:
        outcome = post(entry, target, deadline)
        last.clear()
        last[entry.run_key] = outcome
        return outcome

    delivery = spool.deliver(send, seconds=seconds, through=through)
    return delivery, last


def load() -> None:
    """Load what sends: with it comes httpx, which takes longer than all else, and no server's time."""
    importlib.import_module("agent_run_log._transport")


def post(entry: Entry, target: Target, deadline: float) -> Outcome:
    """Send one report; what became of it by a deadline of the monotonic clock."""
    return send_or_leave_out_times(lambda each: _post_once(each, target, deadline), entry)


def _post_once(entry: Entry, target: Target, deadline: float) -> Outcome:
    seconds = min(POST_SECONDS, deadline - time.monotonic())
    if seconds <= 0:
        return Outcome(Verdict.UNAVAILABLE, "there was no time to send it")
    from agent_run_log import _transport

    return _transport.post(entry, target, seconds)
