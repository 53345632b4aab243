"""After the commit: ids reach the broker soon, and a broker in trouble delays and fails nothing."""

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import httpx
import pytest

from app import metrics
from app.runs.dispatch import Dispatcher
from support.brokers import Broker

pytestmark = pytest.mark.anyio

ENDPOINT = "/api/v1/internal/agent-run-log"
RUN = {"agent_id": "sage", "status": "success"}


def failed() -> float:
    """How many runs the broker did not take so far."""
    value: float = metrics.DISPATCH_FAILED._value.get()
    return value


async def until(condition: Callable[[], bool]) -> None:
    """Return when `condition` holds."""
    async with asyncio.timeout(120):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


@contextmanager
def deaf_server() -> Iterator[str]:
    """A broker's URL where connections are accepted and never answered."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"


async def test_a_committed_run_is_handed_on_by_itself(
    broker: Broker, api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    assert (await api.post(ENDPOINT, json=RUN)).status_code == 204
    await until(lambda: len(broker.run_ids()) == 1)
    assert broker.run_ids() == [str(await db.fetchval("SELECT id FROM agent_run_log"))]
    ((task, _),) = broker.messages()
    assert task == "app.tasks.rlhf_tasks.score_agent_run"


async def test_every_committed_run_is_handed_on_once(
    broker: Broker, api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await db.execute("ALTER TABLE agent_run_log ADD CHECK (agent_id <> 'refused')")
    bodies = [{**RUN, "agent_id": "refused" if n % 10 == 0 else f"agent-{n % 7}"} for n in range(300)]
    await asyncio.gather(*(api.post(ENDPOINT, json=body) for body in bodies))
    await until(lambda: len(broker.run_ids()) >= 270)
    stored = [str(row["id"]) for row in await db.fetch("SELECT id FROM agent_run_log")]
    assert sorted(broker.run_ids()) == sorted(stored)


async def test_runs_that_keep_coming_go_in_few_messages(broker: Broker) -> None:
    dispatcher = Dispatcher(broker.url)
    run_ids = [uuid4() for _ in range(100)]
    for run_id in run_ids:
        dispatcher.enqueue([run_id])
        await asyncio.sleep(0.005)
    await dispatcher.close()
    assert broker.run_ids() == [str(run_id) for run_id in run_ids]
    assert len(broker.messages()) < 10
    assert {task for task, _ in broker.messages()} == {"app.tasks.rlhf_tasks.score_agent_run"}


async def test_a_repeated_report_is_handed_on_once(broker: Broker, api: httpx.AsyncClient) -> None:
    for _ in range(3):
        await api.post(ENDPOINT, json=RUN, headers={"Idempotency-Key": "key"})
    await api.post(ENDPOINT, json={**RUN, "agent_id": "last"})
    await until(lambda: len(broker.run_ids()) == 2)


async def test_without_a_broker_runs_are_recorded_all_the_same(api: httpx.AsyncClient) -> None:
    assert (await api.post(ENDPOINT, json=RUN)).status_code == 204


async def test_a_stopped_broker_delays_no_report_and_is_found_again(
    broker: Broker, api: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    await api.post(ENDPOINT, json=RUN)
    await until(lambda: len(broker.run_ids()) == 1)
    broker.stop()
    before = failed()
    started = time.monotonic()
    for _ in range(20):
        assert (await api.post(ENDPOINT, json=RUN)).status_code == 204
    assert time.monotonic() - started < 10
    # It is counted first and logged then.
    await until(lambda: failed() > before and "score_dispatch_failed" in caplog.text)
    assert not [record for record in caplog.records if record.exc_info]
    broker.start()
    await until(lambda: len(broker.run_ids()) >= 1)
    sent = len(broker.run_ids())
    await api.post(ENDPOINT, json=RUN)
    await until(lambda: len(broker.run_ids()) > sent)


async def test_a_broker_that_is_full_is_a_warning_and_the_next_run_is_sent(
    broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    dispatcher = Dispatcher(broker.url)
    dispatcher.enqueue([uuid4()])
    await until(lambda: len(broker.run_ids()) == 1)
    with broker.client() as client:
        client.config_set("maxmemory", "1")
        before = failed()
        dispatcher.enqueue([uuid4()])
        await until(lambda: failed() == before + 1)
        client.config_set("maxmemory", "0")
    dispatcher.enqueue([uuid4()])
    await until(lambda: len(broker.run_ids()) == 2)
    await dispatcher.close()
    assert "score_dispatch_failed" in caplog.text


@pytest.mark.parametrize(
    "url",
    [
        "redis://:wrong@127.0.0.1:{}/0",
        "redis://127.0.0.1:port/0",
        "carrier-pigeon://127.0.0.1/0",
    ],
)
async def test_a_broker_that_cannot_be_used_is_a_warning_each_time(
    broker: Broker, url: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = url.format(urlsplit(broker.url).port)
    monkeypatch.setenv("CELERY_BROKER_URL", url)  # Celery itself reads it too
    dispatcher = Dispatcher(url)
    start = failed()
    for count in (1, 2):
        dispatcher.enqueue([uuid4()])
        await until(lambda expected=start + count: failed() >= expected)
    await dispatcher.close()
    assert caplog.text.count("score_dispatch_failed") == 2


async def test_a_broker_that_never_answers_holds_nobody_up_at_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with deaf_server() as url:
        dispatcher = Dispatcher(url)
        before = failed()
        started = time.monotonic()
        dispatcher.enqueue([uuid4() for _ in range(5)])
        await dispatcher.close()
        assert time.monotonic() - started < 15
    assert failed() >= before + 5
    assert "score_dispatch_failed" in caplog.text


async def test_closing_without_anything_to_send_is_immediate(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.runs.dispatch.CLOSE_TIMEOUT", 120)
    unused, used = Dispatcher(broker.url), Dispatcher(broker.url)
    await unused.close()
    used.enqueue([uuid4()])
    await until(lambda: len(broker.run_ids()) == 1)
    started = time.monotonic()
    await used.close()
    assert time.monotonic() - started < 60


async def test_what_is_queued_is_sent_at_the_end(broker: Broker) -> None:
    dispatcher = Dispatcher(broker.url)
    run_ids = [uuid4() for _ in range(2000)]
    dispatcher.enqueue(run_ids)
    await dispatcher.close()
    assert broker.run_ids() == [str(run_id) for run_id in run_ids]


async def test_more_than_the_queue_holds_is_left_to_the_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.runs.dispatch.QUEUE_SIZE", 10)
    with deaf_server() as url:
        dispatcher = Dispatcher(url)
        before = failed()
        for _ in range(3):
            dispatcher.enqueue([uuid4() for _ in range(10)])
        assert failed() >= before + 10
        await dispatcher.close()
    assert failed() >= before + 30
