"""Reporting one run: sent to the server, else kept in the spool; nothing is raised into the agent's work."""

import logging
import random
import time
from datetime import datetime

from agent_run_log._answers import Outcome, Verdict
from agent_run_log._body import Facts, entry_of
from agent_run_log._courier import COURIER
from agent_run_log._delivery import deliver, load, post
from agent_run_log._entry import Entry
from agent_run_log._errors import SpoolError
from agent_run_log._reports import Report, State, Status
from agent_run_log._settings import RUN_UNDER_WAY, Target, read
from agent_run_log._spool import Delivery, Spool
from agent_run_log._threads import awaited

WAIT_SECONDS = 5.0
"""How long an agent waits for the server at most, before its report is spooled."""

# In seconds, between tries: each twice as long as the one before, spread so that many do not come together.
_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 2.0

_log = logging.getLogger("agent_run_log")


def report_run(
    agent_id: str | None,
    status: Status,
    actions: object = None,
    *,
    run_key: str | None = None,
    started_at: datetime | None = None,
    finished_at: datetime | None = None,
    source: str | None = None,
    url: str | None = None,
    token: str | None = None,
    timeout: float = WAIT_SECONDS,
) -> Report:
    """Report one run and say what became of the report; it raises nothing but `TypeError` for a wrong call.

    1. While nothing is spooled it is sent, again where that may help, for `timeout` seconds at most.
    2. Otherwise, and when the server is away, it is spooled behind what was spooled before, and delivered
       with that: at once where the time suffices, else by a thread of this process or by another process.

    `agent_id` is `RUNLOG_AGENT_ID` where it is None. `actions` is a dictionary of whatever the agent did, by
    convention with a `summary`; what has no JSON becomes text. `run_key` names the run, which is recorded
    once, by any source; without one the first report of a process has `RUNLOG_RUN_KEY`, where that
    is of this agent, and any other a key of its own. `started_at` and `finished_at` without an offset are
    local time. `url` and `token` are `RUNLOG_URL` and `RUNLOG_TOKEN` unless given.
    """
    agent = agent_id if agent_id is not None else read("RUNLOG_AGENT_ID")
    if run_key is None and agent:
        run_key = RUN_UNDER_WAY.claim(agent)
    facts = Facts(agent or "", status, actions, source, started_at, finished_at)
    entry, notes = entry_of(facts, run_key)
    if agent:
        report = _reported(entry, Target(url, token), timeout)
    else:
        report = _refused(_spool(), entry, "no agent_id was given, and RUNLOG_AGENT_ID is not set")
    _say(report, facts.agent_id, notes)
    return Report(report.state, report.run_key, report.run_id, report.reason, notes)


async def areport_run(
    agent_id: str | None,
    status: Status,
    actions: object = None,
    *,
    run_key: str | None = None,
    started_at: datetime | None = None,
    finished_at: datetime | None = None,
    source: str | None = None,
    url: str | None = None,
    token: str | None = None,
    timeout: float = WAIT_SECONDS,  # noqa: ASYNC109  # when it is over the report is kept, not given up
) -> Report:
    """Report one run as `report_run` does, by a thread: the event loop goes on.

    When the task is cancelled meanwhile, the report goes its way nevertheless.
    """
    return await awaited(
        report_run,
        agent_id,
        status,
        actions,
        run_key=run_key,
        started_at=started_at,
        finished_at=finished_at,
        source=source,
        url=url,
        token=token,
        timeout=timeout,
    )


def flush(timeout: float = 30.0, *, url: str | None = None, token: str | None = None) -> Delivery:
    """Deliver what is spooled, by whatever process, for `timeout` seconds at most; it raises nothing.

    It ends when nothing is left or the server is away: then `left` says how many are, and `reason` why.
    """
    try:
        return deliver(Spool(), Target(url, token), timeout)[0]
    except SpoolError as error:
        return Delivery(reason=str(error))


def _reported(entry: Entry, target: Target, timeout: float) -> Report:
    if timeout > 0:
        load()
    deadline = time.monotonic() + timeout
    spool = _spool()
    if spool is not None and _waits(spool):
        try:
            name = spool.add(entry)
        except SpoolError as error:  # better delivered out of order than not at all
            _log.warning("a report is sent before those that wait: %s", error)
        else:
            return _delivered_behind(spool, name, entry, target, deadline)
    return _delivered_at_once(spool, entry, target, deadline)


def _delivered_at_once(spool: Spool | None, entry: Entry, target: Target, deadline: float) -> Report:
    """Send a report that nothing waits before; what the server cannot take now is kept."""
    try:
        outcome = _sent(entry, target, deadline)
    except BaseException:  # such as an interrupt by the keyboard
        _kept(spool, entry, target, Outcome(Verdict.UNAVAILABLE, "it was interrupted"))
        raise
    if outcome.verdict is Verdict.ACCEPTED:
        return Report(State.DELIVERED, entry.run_key, outcome.run_id)
    if outcome.verdict is Verdict.REFUSED:
        return _refused(spool, entry, outcome.reason)
    return _kept(spool, entry, target, outcome)


def _delivered_behind(spool: Spool, name: str, entry: Entry, target: Target, deadline: float) -> Report:
    """Deliver what waits up to the entry of this name, as far as there is time."""
    COURIER.start(spool, target)
    outcomes: dict[str, Outcome] = {}
    try:
        delivery, outcomes = deliver(spool, target, max(0.0, deadline - time.monotonic()), name)
        reason = delivery.reason
    except SpoolError as error:
        reason = str(error)
    match spool.state_of(name):
        case "queue":
            return Report(State.SPOOLED, entry.run_key, reason=reason)
        case "rejected":
            return Report(State.REJECTED, entry.run_key, reason=spool.reason_of(name))
        case "corrupt":
            return Report(State.LOST, entry.run_key, reason="it was damaged while it waited in the spool")
    run_id = outcomes[entry.run_key].run_id if entry.run_key in outcomes else None
    return Report(State.DELIVERED, entry.run_key, run_id)


def _sent(entry: Entry, target: Target, deadline: float) -> Outcome:
    """Send a report, again where that may help, until the deadline."""
    pause = _FIRST_PAUSE
    while True:
        outcome = post(entry, target, deadline)
        wait = max(outcome.retry_after, pause * random.uniform(0.5, 1.0))  # noqa: S311
        if outcome.verdict is not Verdict.UNAVAILABLE or time.monotonic() + wait >= deadline:
            return outcome
        time.sleep(wait)
        pause = min(2 * pause, _LONGEST_PAUSE)


def _kept(spool: Spool | None, entry: Entry, target: Target, outcome: Outcome) -> Report:
    if spool is None:
        reason = f"{outcome.reason}; there is no home directory for a spool: set RUNLOG_SPOOL_DIR"
        return Report(State.LOST, entry.run_key, reason=reason)
    try:
        spool.add(entry)
    except SpoolError as error:
        return Report(State.LOST, entry.run_key, reason=f"{outcome.reason}; {error}")
    spool.server.pause(outcome.retry_after)
    COURIER.start(spool, target)
    return Report(State.SPOOLED, entry.run_key, reason=outcome.reason)


def _refused(spool: Spool | None, entry: Entry, reason: str) -> Report:
    try:
        if spool is not None:
            spool.set_aside(entry, reason)
    except SpoolError as error:
        reason = f"{reason}; {error}"
    return Report(State.REJECTED, entry.run_key, reason=reason)


def _spool() -> Spool | None:
    try:
        return Spool()
    except SpoolError:
        return None


def _waits(spool: Spool) -> bool:
    """Whether reports wait in the spool, as far as it can be read."""
    try:
        return not spool.is_empty()
    except SpoolError as error:
        _log.warning("reports that wait cannot be delivered: %s", error)
        return False


def _say(report: Report, agent: str, notes: tuple[str, ...]) -> None:
    if report.state in (State.REJECTED, State.LOST):
        _log.error("the report of a run of %s was %s: %s", agent, report.state.value, report.reason)
    elif report.spooled:
        _log.warning("the report of a run of %s was spooled: %s", agent, report.reason)
    for note in notes:
        _log.warning("of the report of a run of %s: %s", agent, note)
