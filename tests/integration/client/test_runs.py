"""Blocks and functions as runs."""

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from typing import Any

import pytest

from agent_run_log import current_run, recorded, run
from support.processes import eventually
from support.reporting import Listener


def reported(listener: Listener) -> dict[str, Any]:
    """The one report that came."""
    (body,) = listener.sent
    return dict(json.loads(body))


def test_a_block_is_one_run_with_its_facts_and_times(listener: Listener) -> None:
    with run("sage", source="cron") as r:
        r.add(files_changed=["a.py"], tests_run=3)
        r.add({"not an identifier": 1})
        r.summary = "Fixed the leak"
    body = reported(listener)
    actions = body["actions_taken"]
    seconds = actions.pop("duration_seconds")
    assert actions == {
        "files_changed": ["a.py"],
        "tests_run": 3,
        "not an identifier": 1,
        "summary": "Fixed the leak",
    }
    assert (body["agent_id"], body["status"], body["source"]) == ("sage", "success", "cron")
    took = datetime.fromisoformat(body["finished_at"]) - datetime.fromisoformat(body["started_at"])
    assert took.total_seconds() == pytest.approx(seconds, abs=0.001)
    assert r.report is not None
    assert r.report.delivered


def test_a_block_may_say_that_it_went_in_part(listener: Listener) -> None:
    with run("sage") as r:
        r.status = "partial"
    assert reported(listener)["status"] == "partial"


def test_an_exception_is_a_failed_run_and_goes_on(listener: Listener) -> None:
    secret = "hunter2"  # noqa: F841  # no value of a variable is sent

    def work() -> None:
        current_run().add(files_read=2)
        try:
            {}["a key"]
        except KeyError as error:
            raise ValueError("no such file") from error

    with pytest.raises(ValueError, match="no such file"), run("sage"):
        work()
    body = reported(listener)
    actions = body["actions_taken"]
    assert body["status"] == "failed"
    assert actions["summary"] == actions["error"] == "ValueError: no such file"
    assert actions["caused_by"] == ["KeyError: 'a key'"]
    assert [frame.rpartition(" in ")[2] for frame in actions["traceback"]] == [
        "test_an_exception_is_a_failed_run_and_goes_on",
        "work",
    ]
    assert actions["files_read"] == 2
    assert b"hunter2" not in listener.sent[0]


def test_what_the_agent_says_of_an_error_stays(listener: Listener) -> None:
    def work() -> None:
        current_run().summary = "Could not look"
        current_run().add(error="it was dark")
        raise LookupError("dark")

    with pytest.raises(LookupError), run("sage"):
        work()
    actions = reported(listener)["actions_taken"]
    assert (actions["summary"], actions["error"], actions["exception"]) == (
        "Could not look",
        "it was dark",
        "LookupError: dark",
    )


def test_an_exception_without_a_text_and_a_group_have_a_diagnosis(listener: Listener) -> None:
    class UnspeakableError(Exception):
        def __str__(self) -> str:
            raise LookupError

    with pytest.raises(ExceptionGroup), run("sage"):
        raise ExceptionGroup("two", [UnspeakableError(), OSError("disk")])
    unspeakable, disk = reported(listener)["actions_taken"]["errors"]
    assert unspeakable.endswith(".UnspeakableError: <exception str() failed>")
    assert disk == "OSError: disk"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (SystemExit(0), "success"),
        (SystemExit(), "success"),
        (SystemExit(3), "failed"),
        (SystemExit("no way"), "failed"),
        (KeyboardInterrupt(), "failed"),
        (asyncio.CancelledError(), "failed"),
    ],
)
def test_how_a_block_that_is_ended_from_outside_went(
    listener: Listener, error: BaseException, status: str
) -> None:
    with pytest.raises(type(error)), run("sage"):
        raise error
    assert reported(listener)["status"] == status


def test_a_generator_that_is_closed_has_not_failed(listener: Listener) -> None:
    def work() -> Iterator[int]:
        with run("sage"):
            yield 1

    iterator = work()
    next(iterator)
    iterator.close()
    assert reported(listener)["status"] == "success"


def test_an_async_block_is_one_run(listener: Listener) -> None:
    async def work() -> None:
        async with run("sage") as r:
            await asyncio.sleep(0)
            r.summary = "Did it"

    asyncio.run(work())
    assert reported(listener)["actions_taken"]["summary"] == "Did it"


def test_a_task_that_is_cancelled_is_a_failed_run(listener: Listener) -> None:
    async def work() -> None:
        async with run("sage"):
            await asyncio.sleep(600)

    async def cancel() -> None:
        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(cancel())
    assert eventually(lambda: len(listener.sent) == 1)
    body = reported(listener)
    assert (body["status"], body["actions_taken"]["error"].split(".")[-1]) == ("failed", "CancelledError")


@pytest.mark.parametrize(
    ("result", "actions"),
    [
        ({"summary": "Did it", "files": 2}, {"summary": "Did it", "files": 2}),
        ("Did it", {"summary": "Did it"}),
        (None, {}),
        (42, {}),
    ],
)
def test_a_function_is_one_run_with_its_result(
    listener: Listener, result: object, actions: dict[str, Any]
) -> None:
    @recorded("sage")
    def work(given: object) -> object:
        """Work."""
        return given

    assert work(result) == result
    assert work.__doc__ == "Work."
    kept = reported(listener)["actions_taken"]
    del kept["duration_seconds"]
    assert kept == actions


def test_a_function_adds_facts_to_the_run_that_it_is(listener: Listener) -> None:
    @recorded("sage")
    def work() -> dict[str, Any]:
        current_run().add(files=3)
        current_run().status = "partial"
        return {"files": 1, "tests": 2}

    work()
    body = reported(listener)
    assert (body["status"], body["actions_taken"]["files"], body["actions_taken"]["tests"]) == (
        "partial",
        3,
        2,
    )


def test_a_coroutine_function_is_one_run(listener: Listener) -> None:
    @recorded("sage")
    async def work(word: str) -> str:
        await asyncio.sleep(0)
        current_run().add(seen=True)
        return word

    assert asyncio.run(work("Did it")) == "Did it"
    actions = reported(listener)["actions_taken"]
    assert (actions["summary"], actions["seen"]) == ("Did it", True)


def test_a_function_that_fails_is_a_failed_run(listener: Listener) -> None:
    @recorded("sage")
    def work() -> None:
        raise OSError("disk")

    with pytest.raises(OSError, match="disk"):
        work()
    assert reported(listener)["status"] == "failed"


def test_outside_of_a_run_facts_go_nowhere(listener: Listener) -> None:
    current_run().add(files=3)
    assert current_run().report is None
    assert listener.sent == []


def test_runs_within_runs_and_in_other_tasks_are_their_own(listener: Listener) -> None:
    async def work(agent: str) -> None:
        async with run(agent):
            await asyncio.sleep(0)
            current_run().add(agent=agent)

    async def both() -> None:
        async with run("outer"):
            await asyncio.gather(work("a"), work("b"))
            current_run().add(agent="outer")

    asyncio.run(both())
    bodies = [json.loads(body) for body in listener.sent]
    assert sorted(body["agent_id"] for body in bodies) == ["a", "b", "outer"]
    assert all(body["actions_taken"]["agent"] == body["agent_id"] for body in bodies)


def test_what_is_no_function_is_refused_when_it_is_decorated() -> None:
    def generator() -> Iterator[int]:
        yield 1

    async def async_generator() -> AsyncIterator[int]:
        yield 1

    for function in (generator, async_generator):
        with pytest.raises(TypeError, match="generator functions"):
            recorded("sage")(function)
    with pytest.raises(TypeError, match="with parentheses"):
        recorded(generator)  # type: ignore[arg-type]


def test_a_block_is_of_the_run_that_the_environment_names(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNLOG_RUN_KEY", "of-the-block")
    with run("sage"), run("sage"):
        pass
    assert listener.keys[1] == "of-the-block"
    assert listener.keys[0] != "of-the-block"


def test_a_server_that_is_away_changes_nothing_for_the_function(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNLOG_URL", "http://127.0.0.1:9")

    @recorded("sage", timeout=0)
    def work() -> str:
        return "Did it"

    assert work() == "Did it"


def test_a_block_of_a_thread_is_its_own(listener: Listener) -> None:
    def work() -> None:
        with run("thread"):
            current_run().add(of="thread")

    with run("main"):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        current_run().add(of="main")
    assert [json.loads(body)["actions_taken"]["of"] for body in listener.sent] == ["thread", "main"]


def test_the_process_that_ends_by_sys_exit_reports_it(listener: Listener) -> None:
    code = """
import sys
from agent_run_log import run
with run("sage"):
    sys.exit(3)
"""
    assert subprocess.run([sys.executable, "-c", code], timeout=120, check=False).returncode == 3
    body = reported(listener)
    assert (body["status"], body["actions_taken"]["error"]) == ("failed", "SystemExit: 3")
