"""A PostgreSQL that is killed, restarted, or replaced by its standby."""

import os
import signal
import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from app.embedded.postgres import Postgres
from support.background import HANG, Background
from support.database import query, until_it_is
from support.freezing import frozen
from support.load import Check, Load, TwoProcesses, UnderLoad, under_way
from support.proxy import Proxy, proxied
from support.standby import Pair, make_primary, start_pair

A_BACKEND = "SELECT pid FROM pg_stat_activity WHERE application_name = 'agent-run-log' LIMIT 1"


def kill(server: Postgres) -> None:
    """End the server's first process by SIGKILL; the others notice."""
    os.kill(server.pid, signal.SIGKILL)
    server.finish(10)


def kill_a_backend(server: Postgres, background: Background) -> None:
    """End a process that answers the product: PostgreSQL ends all its other connections, and recovers."""
    os.kill(background.run(query(server.url, A_BACKEND)), signal.SIGKILL)
    # The server says so before it has ended the others, so a new connection may still fail.
    time.sleep(0.1)
    background.run(until_it_is(server.url, "SELECT 1", 1))


def test_a_database_that_ends_and_comes_back(
    postgres: Postgres,
    background: Background,
    check: Check,
    two_processes: TwoProcesses,
) -> None:
    with two_processes() as server:
        for end, fault in (
            (kill, "PostgreSQL killed and started again"),
            (Postgres.stop, "PostgreSQL restarted (fast shutdown)"),
        ):
            with under_way(Load(server.url, background)) as load:
                end(postgres)
                load.wait_for_refusals(50, within=HANG)
                postgres.start()
                back_after = load.seconds_until_acknowledged(time.monotonic())
                load.wait_for(100)
                check(load, postgres.url, fault, back_after=back_after)
        with under_way(Load(server.url, background)) as load:
            for _ in range(2):
                kill_a_backend(postgres, background)
                back_after = load.seconds_until_acknowledged(time.monotonic())
                load.wait_for(100)
            check(load, postgres.url, "a PostgreSQL backend killed, twice", back_after=back_after)


FAST = {"connections": 60, "pause": 0.1, "all_keyed": True}
"""About 500 runs a second."""


@pytest.fixture
def cable(make_postgres: Callable[..., Postgres], background: Background) -> Iterator[tuple[Proxy, Pair]]:
    """A primary and its synchronous standby, and what leads to the primary, for its standby too."""
    primary = make_primary(make_postgres)
    with background.within(proxied(primary.url)) as (proxy, url):
        yield proxy, background.run(start_pair(make_postgres, primary, url))


@pytest.fixture
def pair(cable: tuple[Proxy, Pair], monkeypatch: pytest.MonkeyPatch) -> Pair:
    """The two servers; the commands' settings name both."""
    _, servers = cable
    monkeypatch.setenv("DATABASE_URL", servers.url)
    return servers


def test_a_standby_takes_over(
    pair: Pair, background: Background, check: Check, under_load: UnderLoad
) -> None:
    with under_load(**FAST) as (_, load):
        kill(pair.primary)
        time.sleep(0.5)
        pair.promote(background)
        back_after = load.seconds_until_acknowledged(time.monotonic())
        load.wait_for(1000)
        fault = "the primary killed, its synchronous standby promoted, 500 runs/s with keys"
        check(load, pair.standby.url, fault, back_after=back_after)


def test_a_standby_takes_over_from_a_primary_that_hangs(
    pair: Pair, background: Background, check: Check, under_load: UnderLoad
) -> None:
    with under_load(**FAST) as (server, load):
        with frozen(pair.primary.pid):
            time.sleep(0.5)
            pair.promote(background)
            back_after = load.seconds_until_acknowledged(time.monotonic())
            load.wait_for(1000)
            page = httpx.get(f"{server.url}/api/v1/public/platform/intelligence", timeout=HANG)
            assert page.status_code in {200, 503}
        load.wait_for(1000)
        fault = "the primary frozen (SIGSTOP), its synchronous standby promoted, the primary thawed"
        check(load, pair.standby.url, fault, back_after=back_after)


def test_a_standby_takes_over_from_a_primary_that_nobody_reaches(
    cable: tuple[Proxy, Pair], pair: Pair, background: Background, check: Check, under_load: UnderLoad
) -> None:
    """Its standby does not either; and once the network is back, the old primary still takes logins."""
    proxy, _ = cable
    with under_load(**FAST) as (_, load):
        background.call(proxy.stall)
        time.sleep(0.5)
        pair.promote(background)
        back_after = load.seconds_until_acknowledged(time.monotonic())
        load.wait_for(1000)
        background.call(proxy.resume)
        load.wait_for(1000)
        fault = "the primary's network cut, its synchronous standby promoted, the network mended"
        check(load, pair.standby.url, fault, back_after=back_after)
