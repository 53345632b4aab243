"""Connections to the database that break or fall silent, and more runs than it takes."""

import time
from collections.abc import Iterator

import pytest

from app.embedded.postgres import Postgres
from support.background import HANG, Background
from support.database import query, until_it_is
from support.freezing import frozen
from support.load import PATIENCE, Check, Load, TwoProcesses, UnderLoad, under_way
from support.proxy import Proxy, proxied

ABANDONED = """
    SELECT count(*) FROM pg_stat_activity
    WHERE application_name = 'agent-run-log' AND state = 'idle in transaction'
    AND state_change < clock_timestamp() - interval '0.3 s'
"""


@pytest.fixture
def proxy(postgres: Postgres, background: Background, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """What stands between the API and its database."""
    with background.within(proxied(postgres.url)) as (between, url):
        monkeypatch.setenv("DATABASE_URL", url)
        yield between


def test_connections_that_are_cut_or_fall_silent(
    postgres: Postgres,
    proxy: Proxy,
    background: Background,
    check: Check,
    two_processes: TwoProcesses,
) -> None:
    with two_processes() as server:
        with under_way(Load(server.url, background)) as load:
            for _ in range(15):
                background.call(proxy.cut_both)
                back_after = load.seconds_until_acknowledged(time.monotonic())
                load.wait_for(20)
            check(load, postgres.url, "every connection to PostgreSQL cut, 15 times", back_after=back_after)
        with under_way(Load(server.url, background, connections=40)) as load:
            background.call(proxy.stall)
            time.sleep(PATIENCE + 2)
            background.call(proxy.resume)
            back_after = load.seconds_until_acknowledged(time.monotonic())
            load.wait_for(200)
            fault = "every connection to PostgreSQL silent for 12 s"
            check(load, postgres.url, fault, back_after=back_after)
        # One that only the API knows is cut, and locks no agent for long.
        with under_way(Load(server.url, background)):
            for _ in range(10):
                background.call(proxy.cut)
                time.sleep(0.4)
                if background.run(query(postgres.url, ABANDONED)):
                    break
            background.start(until_it_is(postgres.url, ABANDONED, 0)).result(HANG)


def test_more_runs_than_a_hanging_database_takes(
    postgres: Postgres, check: Check, under_load: UnderLoad
) -> None:
    with under_load(env={"RUNLOG_INGEST_QUEUE_SIZE": "4"}, connections=60) as (_, load):
        with frozen(postgres.pid):
            before = load.refused
            time.sleep(PATIENCE)
            # At once: of those refused when their statement is given up, each of 60 connections sees two.
            assert load.refused - before > 3 * 60
        back_after = load.seconds_until_acknowledged(time.monotonic())
        load.wait_for(200)
        fault = "PostgreSQL stopped for 10 s (SIGSTOP), with a queue of 4 runs"
        check(load, postgres.url, fault, back_after=back_after)
