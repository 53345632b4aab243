"""A plug-in of pytest: tests are collected once, and copies of the process that did run them.

Workers that each collect for themselves spend more time on that than on most of their tests; a copy has every
module and every test at hand. `-n` says how many workers there are.

1. The process that has collected deals the tests into shares, in an order in which long ones begin first.
2. It forks the workers. Each asks for a share when it begins the last test of the one it has, so that it
   knows which fixtures the next test goes on using.
3. It hands the workers' reports to pytest as its own. In place of a worker that ends before its share is
   done, which fails the test under way, it forks another for what is left.
"""

import multiprocessing
import os
import signal
import sys
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

Share = list[int]  # indices of tests that one worker runs in turn
Deal = Callable[[Sequence[pytest.Item]], Sequence[Share]]
LOOK_SECONDS = 1.0  # between looks for a worker that ended while its children keep the connection open
END_SECONDS = 60.0  # for a worker to stop what its tests have started

_COPIED = {"jemalloc_bg_thd"}  # jemalloc, which pyarrow has, makes it in a copy, too

_fork = multiprocessing.get_context("fork")
_number = 0


def number() -> int:
    """Which worker this process is, from 0; 0, too, where there are none."""
    return _number


def common_directory(factory: pytest.TempPathFactory) -> Path:
    """The directory in which the workers of a run have theirs."""
    own = factory.getbasetemp()
    return own.parent if own.name == f"worker{_number}" else own


def _threads() -> list[str]:
    """The names of threads beside the main one, where the system tells (Linux)."""
    own = Path("/proc/self/task")
    threads = (each for each in own.glob("*/comm") if each.parent.name != str(os.getpid()))
    return [name for each in threads if (name := each.read_text(encoding="utf-8").strip()) not in _COPIED]


class Workers:
    """Runs the tests by `count` workers, to which `deal` gives them."""

    def __init__(self, count: int, deal: Deal) -> None:
        self._count = count
        self._deal = deal
        self._shares: deque[Share] = deque()
        self._workers: dict[Connection, _Worker] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Run all tests, unless some could not be collected."""
        if session.testsfailed or not session.items:
            return None  # pytest's own loop says so
        self._shares.extend(self._deal(session.items))
        session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]  # made once for all
        try:
            for worker in range(min(self._count, len(self._shares))):
                self._start(session, worker)
            while self._workers:
                self._attend(session)
        finally:
            self._end()
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)
        return True

    def _start(self, session: pytest.Session, worker: int) -> None:
        ours, theirs = _fork.Pipe()
        process = _fork.Process(target=_work, args=(session, theirs, worker, [ours, *self._workers]))
        if threads := _threads():
            # A copy lacks them, and waits for them for ever.
            raise RuntimeError(f"threads run, {threads}: import what starts them within a test")
        # What is not written yet would be written by each worker.
        sys.stdout.flush()
        process.start()
        theirs.close()
        self._workers[ours] = _Worker(worker, process)

    def _attend(self, session: pytest.Session) -> None:
        """Take what workers send, and see which have ended."""
        ready = wait(list(self._workers), LOOK_SECONDS)
        ended = [] if ready else [each for each, worker in self._workers.items() if worker.has_ended(each)]
        for connection in ready:
            assert isinstance(connection, Connection)
            try:
                kind, content = connection.recv()
            except EOFError:
                ended.append(connection)
            else:
                self._take(session, connection, kind, content)
        for connection in ended:
            self._replace(session, connection)

    def _take(self, session: pytest.Session, connection: Connection, kind: str, content: Any) -> None:
        worker = self._workers[connection]
        hook = session.config.hook
        if kind == "next":
            is_over = session.shouldfail or session.shouldstop or not self._shares
            share = [] if is_over else self._shares.popleft()
            worker.pending.extend(share)
            with suppress(BrokenPipeError):  # it has ended meanwhile, which is seen next
                connection.send(share)
        elif kind == "warning":
            message, when, nodeid, location = content
            hook.pytest_warning_recorded.call_historic(
                kwargs={"warning_message": message, "when": when, "nodeid": nodeid, "location": location}
            )
        else:
            report = hook.pytest_report_from_serializable(config=session.config, data=content)
            self._pass_on(session, report)
            if report.when == "teardown":
                worker.pending.popleft()
            if session.shouldfail or session.shouldstop:
                worker.interrupt()

    def _pass_on(self, session: pytest.Session, report: pytest.TestReport) -> None:
        hook = session.config.hook
        if report.when == "setup":
            hook.pytest_runtest_logstart(nodeid=report.nodeid, location=report.location)
        hook.pytest_runtest_logreport(report=report)
        if report.when == "teardown":
            hook.pytest_runtest_logfinish(nodeid=report.nodeid, location=report.location)

    def _replace(self, session: pytest.Session, connection: Connection) -> None:
        """Say which test ended a worker, and have another run what that has left."""
        worker = self._workers.pop(connection)
        connection.close()
        worker.process.join()
        if session.shouldfail or session.shouldstop:
            return
        if not worker.pending:
            if worker.process.exitcode:
                raise RuntimeError(f"a worker ended with {worker.process.exitcode} after its last test")
            return
        item = session.items[worker.pending.popleft()]
        self._pass_on(session, _ended(item, worker.process.exitcode))
        if worker.pending:
            self._shares.appendleft(list(worker.pending))
        if self._shares and not (session.shouldfail or session.shouldstop):
            self._start(session, worker.number)

    def _end(self) -> None:
        for worker in self._workers.values():
            worker.interrupt()
        for connection, worker in self._workers.items():
            worker.process.join(END_SECONDS)
            worker.process.kill()
            connection.close()
        self._workers.clear()


@dataclass
class _Worker:
    """A worker as the process that deals sees it; `pending` are tests that it has not run to their end."""

    number: int
    process: BaseProcess
    pending: deque[int] = field(default_factory=deque)

    def has_ended(self, connection: Connection) -> bool:
        """Whether it has, and nothing that it sent is left to read."""
        return not self.process.is_alive() and not connection.poll()

    def interrupt(self) -> None:
        """Have it end, once it has stopped what its tests started."""
        if self.process.is_alive():
            assert self.process.pid is not None
            os.kill(self.process.pid, signal.SIGINT)


def _ended(item: pytest.Item, status: int | None) -> pytest.TestReport:
    """The report of a test under which its worker ended."""
    text = f"the worker ended with {status} while it ran {item.nodeid}"
    return pytest.TestReport(item.nodeid, item.location, {}, "failed", text, "call")


def _work(session: pytest.Session, connection: Connection, worker: int, others: Sequence[Connection]) -> None:
    """Run shares of the tests of `session` until there are none left, in a process of its own."""
    global _number
    _number = worker
    for other in others:
        other.close()
    _have_own_output(session.config)
    _have_own_directory(session.config, worker)
    sender = _Sender(session.config, connection)
    session.config.pluginmanager.register(sender)
    sender.is_new = False
    try:
        for item, following in _turns(connection, session.items):
            session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.shouldfail or session.shouldstop:
                break
    except (KeyboardInterrupt, BrokenPipeError, EOFError):
        pass  # the process that deals has ended, or ends this one
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        session._setupstate.teardown_exact(None)


def _turns(
    connection: Connection, tests: Sequence[pytest.Item]
) -> Iterator[tuple[pytest.Item, pytest.Item | None]]:
    """The tests that this worker is handed, each with the one that follows it."""
    connection.send(("next", None))
    share = deque(connection.recv())
    while share:
        test = share.popleft()
        if not share:
            connection.send(("next", None))
            share.extend(connection.recv())
        yield tests[test], tests[share[0]] if share else None


class _Sender:
    """Sends what pytest would print of a worker's tests."""

    def __init__(self, config: pytest.Config, connection: Connection) -> None:
        self._config = config
        self._send = connection.send
        self.is_new = True  # pytest repeats the warnings of the collection to it

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Send how a part of a test went."""
        data = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        self._send(("report", data))

    def pytest_warning_recorded(
        self,
        warning_message: warnings.WarningMessage,
        when: str,
        nodeid: str,
        location: tuple[str, int, str] | None,
    ) -> None:
        """Send a warning's text: what it is of may not leave the process."""
        if self.is_new:
            return
        text = f"{warning_message.category.__name__}: {warning_message.message}"
        sent = warnings.WarningMessage(text, Warning, warning_message.filename, warning_message.lineno)
        self._send(("warning", (sent, when, nodeid, location)))


def _have_own_output(config: pytest.Config) -> None:
    """Capture to files of this process, and leave the terminal to the one that deals."""
    capture = config.pluginmanager.getplugin("capturemanager")
    capture.stop_global_capturing()
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)
    capture.start_global_capturing()
    capture.suspend_global_capture()
    config.get_terminal_writer()._file = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115


def _have_own_directory(config: pytest.Config, worker: int) -> None:
    """Make the directories of tests below one of this process."""
    factory = config._tmp_path_factory  # type: ignore[attr-defined]
    own = factory.getbasetemp() / f"worker{worker}"
    own.mkdir(mode=0o700, exist_ok=True)
    factory._basetemp = own
