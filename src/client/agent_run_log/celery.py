"""Every run of a Celery task as a run of an agent: `agent_run_log.celery.install(app)`."""

from collections.abc import Mapping
from typing import Any
from weakref import WeakValueDictionary

from celery import signals
from celery.exceptions import TimeLimitExceeded
from celery.states import FAILURE, RETRY, SUCCESS

from agent_run_log._reporting import report_run
from agent_run_log._runs import run
from agent_run_log._threads import in_order

SOURCE = "celery"

# The states of a task that has had its run; one that is ignored or rejected says that it has not.
_ENDED = frozenset({SUCCESS, FAILURE, RETRY})


def install(
    app: Any, agents: Mapping[str, str] | None = None, *, url: str | None = None, token: str | None = None
) -> None:
    """Report every run of the app's tasks, in its workers, once they are loaded after this.

    `agents` gives the agent of each task by the task's name; tasks that it does not name are not reported.
    Without it every task of the app is an agent by its own name, but for Celery's own.

    What the task returns is reported, a dictionary as the run's facts, a text as its summary; within the
    task `agent_run_log.current_run()` is the run. The run key is the task's id and the count of its retries:
    a task that is tried again is one failed run and then another. A task that is killed, at its time limit
    or with its process, that is revoked, has expired, or that no worker knows, is reported as failed by the
    worker's main process. One that raises `Ignore` or `Reject` is not reported. The report is made by the
    process of the task, before it takes the next one.
    """
    reporter = _Reporter(app, agents, {"source": SOURCE, "url": url, "token": token})
    for signal, receiver in (
        (signals.task_received, reporter.received),
        (signals.task_prerun, reporter.began),
        (signals.task_retry, reporter.tries_again),
        (signals.task_failure, reporter.failed),
        (signals.task_postrun, reporter.ended),
        (signals.task_revoked, reporter.revoked),
        (signals.task_unknown, reporter.unknown),
    ):
        signal.connect(receiver, weak=False, dispatch_uid=f"agent_run_log {id(app)} {receiver.__name__}")


class _Reporter:
    """The receivers of one app's signals: a task's own come in its process, the others in the main one."""

    def __init__(self, app: Any, agents: Mapping[str, str] | None, options: dict[str, Any]) -> None:
        self._app = app
        self._agents = agents
        self._options = options
        self._runs: dict[str, run] = {}
        self._errors: dict[str, BaseException] = {}
        # Of a task that was killed, its request alone says how often it was tried.
        self._requests: WeakValueDictionary[str, Any] = WeakValueDictionary()

    def received(self, sender: Any = None, request: Any = None, **_: Any) -> None:
        """The main process has a task from the broker."""
        self._requests[request.id] = request

    def began(self, sender: Any = None, task_id: str = "", task: Any = None, **_: Any) -> None:
        """The task begins."""
        agent = self._agent(task)
        if agent is not None:
            under_way = run(agent, run_key=_key(task_id, task.request.retries), **self._options)
            self._runs[task_id] = under_way
            under_way.begin()

    def tries_again(self, sender: Any = None, request: Any = None, reason: Any = None, **_: Any) -> None:
        """The task has asked to be tried again."""
        if request.id in self._runs:
            self._errors[request.id] = getattr(reason, "exc", None) or reason
            self._runs[request.id].add(tries_again=True)

    def failed(self, sender: Any = None, task_id: str = "", exception: Any = None, **_: Any) -> None:
        """The task has raised; in the main process: it was killed."""
        if task_id in self._runs:
            self._errors[task_id] = exception
            return
        request, agent = self._requests.pop(task_id, None), self._agent(sender)
        if request is None or agent is None:
            return  # Celery says it twice of one that was killed at its time limit
        error = f"{type(exception).__name__}: {exception}"
        if isinstance(exception, TimeLimitExceeded):
            error = f"The task was killed at its time limit of {exception.args[0]} seconds"
        self._report(agent, task_id, request.request_dict.get("retries"), error)

    def ended(
        self, sender: Any = None, task_id: str = "", retval: object = None, state: str = "", **_: Any
    ) -> None:
        """The task has ended, or is being killed, of which the main process says more."""
        under_way, error = self._runs.pop(task_id, None), self._errors.pop(task_id, None)
        if under_way is None:
            return
        if state == SUCCESS:
            under_way.take(retval)
        if state in _ENDED:
            under_way.end(error)
        else:
            under_way.abandon()

    def revoked(
        self,
        sender: Any = None,
        request: Any = None,
        terminated: bool = False,
        signum: Any = None,
        expired: bool = False,
        **_: Any,
    ) -> None:
        """The task will not run, or was killed because it was revoked."""
        if (agent := self._agent(sender)) is not None:
            how = "expired before it began" if expired else "was revoked before it began"
            if terminated:
                how = f"was revoked and ended by signal {signum}"
            self._report(agent, request.id, request.retries, f"The task {how}")

    def unknown(self, sender: Any = None, name: str = "", id: str = "", **_: Any) -> None:  # noqa: A002  # as it is sent
        """A worker got a task that it does not know."""
        if sender.app == self._app and (agent := self._agent_of(name)) is not None:
            self._report(agent, id, 0, f"No task {name} is registered in the worker")

    def _report(self, agent: str, task_id: str, retries: int | None, error: str) -> None:
        """Report a failed run from the main process, which must not wait."""
        actions = {"summary": error, "error": error}
        in_order(report_run, agent, "failed", actions, run_key=_key(task_id, retries), **self._options)

    def _agent(self, task: Any) -> str | None:
        return self._agent_of(task.name) if task.app == self._app else None

    def _agent_of(self, name: str) -> str | None:
        if self._agents is not None:
            return self._agents.get(name)
        return None if name.startswith("celery.") else name


def _key(task_id: str, retries: int | None) -> str:
    return f"celery:{task_id}:{retries or 0}"
