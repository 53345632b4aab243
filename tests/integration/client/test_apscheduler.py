"""Jobs of real APScheduler schedulers as runs."""

import asyncio
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.schedulers.background import BackgroundScheduler

from agent_run_log.apscheduler import install
from support.processes import eventually
from support.reporting import Listener

PAST = datetime(2026, 1, 1, tzinfo=UTC)


def rotate() -> dict[str, Any]:
    return {"summary": "Rotated 3 log files", "files": 3}


def breaks() -> None:
    raise ValueError("no such file")


@pytest.fixture
def scheduler() -> Iterator[Any]:
    scheduler = BackgroundScheduler(timezone="UTC")
    yield scheduler
    scheduler.shutdown()


def runs(listener: Listener, count: int) -> dict[str, tuple[str | None, dict[str, Any]]]:
    """The key and body of each agent's run, once there are so many."""
    assert eventually(lambda: len(listener.sent) >= count), listener.sent
    bodies = [json.loads(body) for body in listener.sent]
    return {body["agent_id"]: (key, body) for key, body in zip(listener.keys, bodies, strict=True)}


def test_every_way_a_job_ends_is_a_run(listener: Listener, scheduler: Any) -> None:
    install(scheduler)
    now = datetime.now(UTC)
    scheduler.add_job(rotate, "date", id="a job", misfire_grace_time=None)
    scheduler.add_job(breaks, "interval", days=1, next_run_time=now, id="breaks", misfire_grace_time=None)
    scheduler.add_job(rotate, "date", run_date=PAST, name="late", misfire_grace_time=1)
    scheduler.start()
    found = runs(listener, 3)
    key, body = found["rotate"]
    assert key is not None
    assert key.startswith("apscheduler:a%20job:2")
    assert (body["status"], body["source"]) == ("success", "apscheduler")
    assert body["actions_taken"].items() >= {"summary": "Rotated 3 log files", "files": 3}.items()
    key, body = found["breaks"]
    assert key == f"apscheduler:breaks:{now.isoformat()}"
    assert (body["status"], body["actions_taken"]["error"]) == ("failed", "ValueError: no such file")
    assert "in breaks" in body["actions_taken"]["traceback"][-1]
    _, body = found["late"]
    assert (body["status"], body["actions_taken"]["summary"].split(":")[0]) == ("failed", "Missed")


def test_a_run_that_the_one_before_keeps_back_is_a_failed_one(listener: Listener, scheduler: Any) -> None:
    install(scheduler)
    ends = threading.Event()

    def slow() -> str:
        ends.wait(120)
        return "Did it"

    scheduler.add_job(slow, "interval", seconds=0.2, name="slow", max_instances=1)
    scheduler.start()
    _, body = runs(listener, 1)["slow"]
    assert (body["status"], body["actions_taken"]["summary"].split(":")[0]) == ("failed", "Skipped")
    ends.set()


def test_agents_are_named_by_job(listener: Listener, scheduler: Any) -> None:
    install(scheduler, {"nightly": "sage"})
    scheduler.add_job(breaks, "date", id="unnamed")
    scheduler.add_job(rotate, "date", run_date=datetime.now(UTC) + timedelta(seconds=0.2), id="nightly")
    scheduler.start()
    assert set(runs(listener, 1)) == {"sage"}


def test_no_event_loop_waits_for_a_report(listener: Listener) -> None:
    listener.statuses = [None, None, None, 204]

    async def main() -> None:
        is_done, loop = asyncio.Event(), asyncio.get_running_loop()
        threads: list[str] = []

        async def work() -> str:
            await asyncio.sleep(0.05)
            loop.call_later(0.05, is_done.set)
            return "Did it"

        scheduler = AsyncIOScheduler(timezone="UTC")
        install(scheduler)
        scheduler.add_job(work, "date", name="sage")
        scheduler.start()
        await is_done.wait()
        threads.extend(thread.name for thread in threading.enumerate())
        scheduler.shutdown()
        assert any(name.startswith("agent-run-log") for name in threads)

    asyncio.run(main())
    _, body = runs(listener, 4)["sage"]
    assert body["started_at"] < body["finished_at"]
    assert body["actions_taken"]["duration_seconds"] >= 0.05


def test_runs_of_a_job_are_reported_in_order(listener: Listener, scheduler: Any) -> None:
    install(scheduler)
    numbers = iter(range(1000))
    scheduler.add_job(lambda: {"n": next(numbers)}, "interval", seconds=0.05, name="sage")
    listener.statuses = [503, 503, 204]
    scheduler.start()

    def sent() -> list[int]:
        """Of those that ran: on a busy machine the scheduler leaves out some, and reports that."""
        actions = [json.loads(body)["actions_taken"] for body in list(listener.sent)]
        return [action["n"] for action in actions if "n" in action]

    assert eventually(lambda: len(sent()) >= 8)
    in_order = sent()
    assert in_order == sorted(in_order)
