"""Every run of an APScheduler job as a run of an agent: `agent_run_log.apscheduler.install(scheduler)`.

For APScheduler 3.
"""

import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from apscheduler import events

from agent_run_log._diagnosis import diagnosis
from agent_run_log._reporting import report_run
from agent_run_log._reports import Status
from agent_run_log._threads import in_order

SOURCE = "apscheduler"

# Of jobs that run once, as many as are expected to wait at a time.
_MOST_NAMES = 10_000
# A job's id, and the time for which a run of it was scheduled.
_Run = tuple[str, datetime]


def install(
    scheduler: Any,
    agents: Mapping[str, str] | None = None,
    *,
    url: str | None = None,
    token: str | None = None,
) -> None:
    """Report every run of the scheduler's jobs, of any of its kinds.

    `agents` gives the agent of each job by the job's id; jobs that it does not name are not reported.
    Without it every job is an agent by its name, which is the function's unless `add_job` was given one.

    What the job returns is reported, a dictionary as the run's facts, a text as its summary. The run key is
    the job's id and the time for which the run was scheduled. A run that was missed, or not begun because
    the job was still running, is a failed one. Reports are made by a thread: no job and no event loop waits
    for them.
    """
    reporter = _Reporter(scheduler, agents, {"source": SOURCE, "url": url, "token": token})
    reporter.started()
    for receiver, code in (
        (reporter.started, events.EVENT_SCHEDULER_STARTED),
        (reporter.named, events.EVENT_JOB_ADDED | events.EVENT_JOB_MODIFIED),
        (reporter.began, events.EVENT_JOB_SUBMITTED),
        (reporter.ended, events.EVENT_JOB_EXECUTED | events.EVENT_JOB_ERROR),
        (reporter.missed, events.EVENT_JOB_MISSED),
        (reporter.skipped, events.EVENT_JOB_MAX_INSTANCES),
    ):
        scheduler.add_listener(receiver, code)


class _Reporter:
    """The listeners of one scheduler, which are called by any thread of it."""

    def __init__(self, scheduler: Any, agents: Mapping[str, str] | None, options: dict[str, Any]) -> None:
        self._scheduler = scheduler
        self._agents = agents
        self._options = options
        self._lock = threading.Lock()
        # Of a job that runs once nothing but this is left when its run has ended. A thread of an executor
        # must not ask the scheduler for it: `shutdown` waits for that thread under the scheduler's lock.
        self._names: dict[str, str] = {}
        self._began: dict[_Run, datetime] = {}
        # A scheduler says of its runs that they begin after it has begun all of them: short ones have ended.
        self._ended: set[_Run] = set()

    def started(self, _: Any = None) -> None:
        """The scheduler has the jobs of its stores."""
        for job in self._scheduler.get_jobs():
            self._note(job)

    def named(self, event: Any) -> None:
        """A job has a name, maybe a new one."""
        self._note(self._scheduler.get_job(event.job_id))

    def began(self, event: Any) -> None:
        """Runs of a job begin as soon as the executor has room."""
        now = datetime.now(UTC)
        if event.job_id not in self._names:  # another process has stored it
            self._note(self._scheduler.get_job(event.job_id))
        with self._lock:
            for each in ((event.job_id, moment) for moment in event.scheduled_run_times):
                if each in self._ended:
                    self._ended.discard(each)
                else:
                    self._began[each] = now

    def ended(self, event: Any) -> None:
        """A run has ended, well or by an exception."""
        started, finished = self._start_of(event), datetime.now(UTC)
        actions: dict[str, Any] = {}
        if started is not None:
            actions["duration_seconds"] = round((finished - started).total_seconds(), 3)
        if event.exception is not None:
            actions |= diagnosis(event.exception)
            actions["summary"] = actions["error"].partition("\n")[0]
        elif isinstance(event.retval, Mapping):
            actions |= event.retval
        elif isinstance(event.retval, str):
            actions["summary"] = event.retval
        status: Status = "success" if event.exception is None else "failed"
        times = {} if started is None else {"started_at": started, "finished_at": finished}
        self._report(event.job_id, event.scheduled_run_time, status, actions, **times)

    def missed(self, event: Any) -> None:
        """A run was not begun in time."""
        self._start_of(event)
        moment = event.scheduled_run_time
        self._not_begun(
            event.job_id, moment, f"Missed: the run of {moment} was not begun within its grace time"
        )

    def skipped(self, event: Any) -> None:
        """Runs were not begun: as many of the job as may be are under way."""
        for moment in event.scheduled_run_times:
            self._not_begun(
                event.job_id, moment, f"Skipped: the run before that of {moment} was still under way"
            )

    def _not_begun(self, job_id: str, scheduled: datetime, error: str) -> None:
        self._report(job_id, scheduled, "failed", {"summary": error, "error": error})

    def _start_of(self, event: Any) -> datetime | None:
        """When the run of this event began; None where it has ended before that was said."""
        ended = event.job_id, event.scheduled_run_time
        with self._lock:
            if ended not in self._began:
                self._ended.add(ended)
            return self._began.pop(ended, None)

    def _report(
        self, job_id: str, scheduled: datetime, status: Status, actions: dict[str, Any], **times: Any
    ) -> None:
        agent = self._agent(job_id)
        if agent is not None:
            key = f"apscheduler:{quote(job_id)}:{scheduled.astimezone(UTC).isoformat()}"
            in_order(report_run, agent, status, actions, run_key=key, **times, **self._options)

    def _agent(self, job_id: str) -> str | None:
        if self._agents is not None:
            return self._agents.get(job_id)
        return self._names.get(job_id, job_id)

    def _note(self, job: Any) -> None:
        if job is not None:
            self._names[job.id] = job.name
            if len(self._names) > _MOST_NAMES:
                del self._names[next(iter(self._names))]
