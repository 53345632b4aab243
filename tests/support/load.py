"""Load as real agents make it, every run of which is found again: what was sent, answered and stored."""

import asyncio
import itertools
import json
import secrets
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

import asyncpg

from support.agent_connection import AgentConnection
from support.background import HANG, Background
from support.processes import Served
from support.replay import check_log

PATH = "/api/v1/internal/agent-run-log"
PATIENCE = 10.0  # seconds, as the specification's client
_PAUSE_AFTER_FAILURE = 0.05
_AGENTS = 5

STORED = """
    SELECT marker, count(*) FROM agent_run_log, jsonb_object_keys(actions_taken) AS marker
    WHERE starts_with(marker, $1) GROUP BY marker
"""


class HungError(AssertionError):
    """An agent waited longer for its answer than agents wait."""


@dataclass
class Sent:
    """One run, however often it was sent. `marker` is a key of its payload and of no other."""

    marker: str
    body: bytes
    key: str | None
    acknowledged: float | None = None
    """When its 204 came, on the monotonic clock."""


@dataclass(frozen=True)
class Tally:
    """What became of a load: counts of runs, but `refused` and `unanswered`, which count attempts."""

    sent: int
    acknowledged: int
    refused: int
    unanswered: int
    stored: int
    lost: int
    doubled: int
    longest_gap: float
    """Seconds in which no run was acknowledged."""


class Load:
    """Agents that report run after run over `connections` connections to `url`, `pause` seconds apart.

    Every other run, or with `all_keyed` each one, has an Idempotency-Key and is sent again until it is
    acknowledged; every third is silent; the others hold `payload`.
    """

    def __init__(
        self,
        url: str,
        background: Background,
        *,
        connections: int = 12,
        pause: float = 0.1,
        payload: str = "",
        all_keyed: bool = False,
    ) -> None:
        self.url = url
        self.runs: list[Sent] = []
        self.refused = 0
        self.unanswered = 0
        self.hung = 0
        self.unexpected: list[str] = []
        self._background = background
        self._connections = connections
        self._pause = pause
        self._payload = payload
        self._all_keyed = all_keyed
        self._prefix = f"run-{secrets.token_hex(4)}-"
        self._ending = False
        self._senders: Future[object] | None = None

    def begin(self) -> None:
        """Send from now on."""
        self._senders = self._background.start(self._send_from_all_connections())

    def end(self) -> None:
        """Send no new runs; every one sent so far has been answered or given up when this returns."""
        self._ending = True
        if self._senders is not None:
            self._senders.result(HANG)
            self._senders = None

    def send_again(self) -> None:
        """Send every run with a key that has no 204 again, until it has: the end of every outage."""
        self._background.run(self._send_the_rest())

    def acknowledged(self) -> int:
        """How many runs have their 204."""
        return sum(run.acknowledged is not None for run in list(self.runs))

    def wait_for(self, count: int, within: float = HANG) -> None:
        """Return when `count` more runs are acknowledged."""
        wanted = self.acknowledged() + count
        deadline = time.monotonic() + within
        while self.acknowledged() < wanted:
            assert time.monotonic() < deadline, f"no {count} runs were acknowledged within {within} s"
            time.sleep(0.01)

    def wait_for_refusals(self, count: int, within: float) -> None:
        """Return when `count` more reports are answered 503."""
        wanted = self.refused + count
        deadline = time.monotonic() + within
        while self.refused < wanted:
            assert time.monotonic() < deadline, f"no {count} refusals came within {within} s"
            time.sleep(0.01)

    def seconds_until_acknowledged(self, moment: float, within: float = HANG) -> float:
        """From `moment` of the monotonic clock to the first 204 after it."""
        while not (later := [at for run in list(self.runs) if (at := run.acknowledged) and at > moment]):
            assert time.monotonic() < moment + within, f"nothing is recorded {within} s after the outage"
            time.sleep(0.01)
        return min(later) - moment

    def longest_gap(self) -> float:
        """The longest time, in seconds, in which no run was acknowledged."""
        moments = sorted(run.acknowledged for run in self.runs if run.acknowledged is not None)
        return max(later - moment for moment, later in itertools.pairwise(moments))

    async def tally(self, database_url: str) -> Tally:
        """Compare with the table, once all is sent again; its silence counts and states must be right."""
        stored = await self._stored(database_url)
        db = await asyncpg.connect(database_url)
        try:
            await check_log(db)
        finally:
            await db.close()
        assert set(stored) <= {run.marker for run in self.runs}
        # What has a key was sent until it was acknowledged.
        assert all(run.acknowledged for run in self.runs if run.key)
        return Tally(
            sent=len(self.runs),
            acknowledged=self.acknowledged(),
            refused=self.refused,
            unanswered=self.unanswered,
            stored=sum(stored.values()),
            lost=sum(run.acknowledged is not None and run.marker not in stored for run in self.runs),
            doubled=sum(count > 1 for count in stored.values()),
            longest_gap=self.longest_gap(),
        )

    async def stored_without_answer(self, database_url: str) -> list[str]:
        """The markers of runs that are in the table though no client got a 204 for them."""
        stored = await self._stored(database_url)
        return [run.marker for run in self.runs if run.acknowledged is None and run.marker in stored]

    async def _stored(self, database_url: str) -> dict[str, int]:
        db = await asyncpg.connect(database_url)
        try:
            return dict(await db.fetch(STORED, self._prefix))
        finally:
            await db.close()

    async def _send_from_all_connections(self) -> None:
        await asyncio.gather(*(self._send_run_after_run() for _ in range(self._connections)))

    async def _send_run_after_run(self) -> None:
        async with AgentConnection(self.url, PATIENCE) as connection:
            while not self._ending:
                run = self._new_run()
                await self._send(connection, run)
                while run.key and not run.acknowledged and not self._ending:
                    await asyncio.sleep(_PAUSE_AFTER_FAILURE)
                    await self._send(connection, run)
                await asyncio.sleep(self._pause if run.acknowledged else _PAUSE_AFTER_FAILURE)

    async def _send_the_rest(self) -> None:
        async with AgentConnection(self.url, PATIENCE) as connection:
            for run in self.runs:
                while run.key and not run.acknowledged:
                    await self._send(connection, run)
                    await asyncio.sleep(_PAUSE_AFTER_FAILURE)

    def _new_run(self) -> Sent:
        number = len(self.runs)
        marker = f"{self._prefix}{number}"
        run = {
            "agent_id": f"agent-{number % _AGENTS}",
            "status": ("success", "partial", "failed")[number % 7 % 3],
            "actions_taken": {marker: None} if number % 3 == 0 else {marker: number, "text": self._payload},
        }
        key = marker if self._all_keyed or number % 2 else None
        self.runs.append(Sent(marker, json.dumps(run).encode(), key))
        return self.runs[-1]

    async def _send(self, connection: AgentConnection, run: Sent) -> None:
        headers = {"Content-Type": "application/json", **({"Idempotency-Key": run.key} if run.key else {})}
        try:
            answer = await connection.post(PATH, run.body, headers)
        except (OSError, EOFError) as error:
            self.unanswered += 1
            self.hung += isinstance(error, TimeoutError)
            return
        if answer.status == 204:
            run.acknowledged = time.monotonic()
        elif answer.status == 503 and answer.headers.get("retry-after") == "1":
            self.refused += 1
        else:
            self.unexpected.append(f"{answer.status} {answer.body.decode(errors='replace')}")


class Check(Protocol):
    """The fixture `check`."""

    def __call__(
        self, load: Load, database_url: str, fault: str, *, back_after: float | None = None
    ) -> Tally:
        """End `load`, send again what has no 204, and assert that what was sent is what is stored.

        Raises `HungError`, when all else is right, if a report was left without an answer.
        """


class TwoProcesses(Protocol):
    """The fixture `two_processes`."""

    def __call__(self, env: Mapping[str, str] = ...) -> AbstractContextManager[Served]:
        """A server of two API processes, once both serve; `env` is theirs."""


class UnderLoad(Protocol):
    """The fixture `under_load`."""

    def __call__(
        self,
        *,
        env: Mapping[str, str] = ...,
        connections: int = ...,
        pause: float = ...,
        payload: str = ...,
        all_keyed: bool = ...,
    ) -> AbstractContextManager[tuple[Served, Load]]:
        """A server of two API processes, and a load on it that is under way; `env` is the server's."""


@contextmanager
def under_way(load: Load) -> Iterator[Load]:
    """`load` for the time of the block, once its first runs are acknowledged."""
    load.begin()
    try:
        load.wait_for(50)
        yield load
    finally:
        load.end()
