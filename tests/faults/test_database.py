"""A PostgreSQL that is killed, restarted, or replaced by its standby."""

import os
import signal
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from app.embedded.postgres import Postgres
from support.background import HANG, Background
from support.database import query, until_it_is
from support.load import Check, UnderLoad

A_BACKEND = "SELECT pid FROM pg_stat_activity WHERE application_name = 'agent-run-log' LIMIT 1"


def kill(server: Postgres) -> None:
    """End the server's first process by SIGKILL; the others notice."""
    os.kill(server.pid, signal.SIGKILL)
    server.finish(10)


@pytest.mark.parametrize(
    ("end", "fault"),
    [
        (kill, "PostgreSQL killed and started again"),
        (Postgres.stop, "PostgreSQL restarted (fast shutdown)"),
    ],
    ids=["killed", "restarted"],
)
def test_a_database_that_ends_and_comes_back(
    end: Callable[[Postgres], None], fault: str, postgres: Postgres, check: Check, under_load: UnderLoad
) -> None:
    with under_load() as (_, load):
        end(postgres)
        load.wait_for_refusals(50, within=HANG)
        postgres.start()
        back_after = load.seconds_until_acknowledged(time.monotonic())
        load.wait_for(200)
        check(load, postgres.url, fault, back_after=back_after)


def test_a_killed_backend(
    postgres: Postgres, background: Background, check: Check, under_load: UnderLoad
) -> None:
    """PostgreSQL ends all its other connections then, and recovers."""
    with under_load() as (_, load):
        for _ in range(2):
            os.kill(background.run(query(postgres.url, A_BACKEND)), signal.SIGKILL)
            # The server says so before it has ended the others, so a new connection may still fail.
            time.sleep(0.1)
            background.run(until_it_is(postgres.url, "SELECT 1", 1))
            back_after = load.seconds_until_acknowledged(time.monotonic())
            load.wait_for(100)
        check(load, postgres.url, "a PostgreSQL backend killed, twice", back_after=back_after)


def test_a_standby_takes_over(
    make_postgres: Callable[..., Postgres],
    monkeypatch: pytest.MonkeyPatch,
    background: Background,
    check: Check,
    under_load: UnderLoad,
) -> None:
    primary = make_postgres("primary", synchronous_standby_names="*")
    # Both are copies of one database, so the standby goes on from where the primary starts.
    standby = make_postgres(
        "standby", primary_conninfo=primary.url.replace("/runlog", "/postgres"), hot_standby="on"
    )
    (standby.data / "standby.signal").touch()
    primary.start()
    standby.start()
    in_step = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"
    background.run(until_it_is(primary.url, in_step, 1))
    login, _, first = urlsplit(primary.url).netloc.rpartition("@")
    second = urlsplit(standby.url).netloc.rpartition("@")[2]
    hosts = f"postgresql://{login}@{first},{second}/runlog?target_session_attrs=read-write"
    monkeypatch.setenv("DATABASE_URL", hosts)
    with under_load() as (_, load):
        kill(primary)
        time.sleep(0.5)
        background.run(until_it_is(standby.url, "SELECT pg_promote()", True))
        back_after = load.seconds_until_acknowledged(time.monotonic())
        load.wait_for(200)
        check(load, standby.url, "the primary killed, its standby promoted", back_after=back_after)
