"""A block or a function as a run: it is timed, its facts are collected, and how it ended is reported."""

import asyncio
import functools
import inspect
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import ContextVar, Token
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar, cast

from agent_run_log._diagnosis import diagnosis
from agent_run_log._reporting import WAIT_SECONDS, areport_run, report_run
from agent_run_log._reports import Report, Status
from agent_run_log._settings import RUN_UNDER_WAY, read

INTERRUPTED_WAIT_SECONDS = 2.0
"""How long the server is waited for at most when the process or the task is being ended."""

P = ParamSpec("P")
T = TypeVar("T")

# How a block ends that is being ended from outside.
_INTERRUPTS = (KeyboardInterrupt, SystemExit, asyncio.CancelledError)

_current: "ContextVar[run | None]" = ContextVar("agent_run_log_current_run", default=None)


class run:  # noqa: N801  # used as a function is: `with run("sage") as r:`
    """The block below `with` or `async with` as one run of an agent, reported when it ends.

    An exception makes the run `failed`, with its type, its message and the last frames of its stack, no
    values of variables, and goes on. So do `KeyboardInterrupt`, a task's cancellation, and `SystemExit` but
    for the exit codes 0 and None. `report` says what became of the report once the block is over.

    The arguments are those of `report_run`.
    """

    def __init__(
        self,
        agent_id: str | None = None,
        *,
        run_key: str | None = None,
        source: str | None = None,
        url: str | None = None,
        token: str | None = None,
        timeout: float = WAIT_SECONDS,
    ) -> None:
        self.summary: str | None = None
        """What the run did, in a sentence."""
        self.status: Status = "success"
        """How it went; `failed` when an exception ends the block."""
        self.report: Report | None = None
        """What became of the report; None until the block is over."""
        self._agent_id = agent_id
        self._run_key = run_key
        self._options: dict[str, Any] = {"source": source, "url": url, "token": token}
        self._timeout = timeout
        self._facts: dict[str, Any] = {}
        self._outer: Token[run | None] | None = None
        self._started_at = datetime.now(UTC)
        self._clock = time.monotonic()

    def add(self, facts: Mapping[str, Any] | None = None, /, **more: Any) -> None:
        """Add facts to the report, such as `files_changed=[…]`; a later one replaces one of its name."""
        self._facts.update(facts or {}, **more)

    def take(self, result: object) -> None:
        """Take what a function returned: a dictionary as facts not yet added, a text as a missing summary."""
        if isinstance(result, Mapping):
            self._facts = {**result, **self._facts}
        elif isinstance(result, str) and self.summary is None:
            self.summary = result

    def __enter__(self) -> Self:
        self.begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end(error)

    async def __aenter__(self) -> Self:
        self.begin()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        arguments = self._ended(error)
        self.report = await areport_run(**arguments)

    def begin(self) -> None:
        """Begin the run now, as entering the block does."""
        self._started_at = datetime.now(UTC)
        self._clock = time.monotonic()
        agent = self._agent_id if self._agent_id is not None else read("RUNLOG_AGENT_ID")
        if self._run_key is None and agent:
            self._run_key = RUN_UNDER_WAY.claim(agent)
        self._outer = _current.set(self)

    def end(self, error: BaseException | None = None) -> Report:
        """End and report the run, as leaving the block does, by the exception that ends it."""
        self.report = report_run(**self._ended(error))
        return self.report

    def abandon(self) -> None:
        """Be no more the run under way, and report nothing."""
        if self._outer is not None:
            with suppress(ValueError):  # the block was left in another context, as generators may
                _current.reset(self._outer)
            self._outer = None

    def _ended(self, error: BaseException | None) -> dict[str, Any]:
        """The arguments with which the run is reported."""
        seconds = time.monotonic() - self._clock
        self.abandon()
        if error is not None and not _is_success(error):
            self.status = "failed"
            self._diagnose(error)
        facts = {"duration_seconds": round(seconds, 3), **self._facts}
        if self.summary is not None:
            facts["summary"] = self.summary
        is_interrupted = isinstance(error, _INTERRUPTS)
        return {
            "agent_id": self._agent_id,
            "status": self.status,
            "actions": facts,
            "run_key": self._run_key,
            "started_at": self._started_at,
            "finished_at": self._started_at + timedelta(seconds=seconds),
            "timeout": min(self._timeout, INTERRUPTED_WAIT_SECONDS) if is_interrupted else self._timeout,
            **self._options,
        }

    def _diagnose(self, error: BaseException) -> None:
        found = diagnosis(error)
        if self.summary is None and "summary" not in self._facts:
            self.summary = found["error"].partition("\n")[0]
        if "error" in self._facts:
            found["exception"] = found.pop("error")
        self.take(found)


def _is_success(error: BaseException) -> bool:
    """Whether a block that ends with it did what it should: `sys.exit(0)`, or a generator that is closed."""
    return isinstance(error, GeneratorExit) or (isinstance(error, SystemExit) and error.code in (0, None))


def current_run() -> run:
    """The run under way here, to add facts to it; outside of any, one that is never reported."""
    return _current.get() or run()


def recorded(
    agent_id: str | None = None,
    *,
    source: str | None = None,
    url: str | None = None,
    token: str | None = None,
    timeout: float = WAIT_SECONDS,
) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Make each call of a function, or of a coroutine function, one run of an agent, as `run` does.

    What it returns is reported, too: a dictionary as the run's facts, a text as its summary. Within it
    `current_run()` is the run. Raises `TypeError` when it decorates a generator function, whose work is done
    after the call, or is written without parentheses.
    """

    if callable(agent_id):
        raise TypeError("write @recorded(), with parentheses")

    def new_run() -> run:
        return run(agent_id, source=source, url=url, token=token, timeout=timeout)

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError("recorded() does not take generator functions: use run() within them")
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def call_async(*args: P.args, **kwargs: P.kwargs) -> Any:
                async with new_run() as under_way:
                    result = await function(*args, **kwargs)
                    under_way.take(result)
                    return result

            return cast("Callable[P, T]", call_async)

        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> T:
            with new_run() as under_way:
                result = function(*args, **kwargs)
                under_way.take(result)
                return result

        return call

    return decorate
