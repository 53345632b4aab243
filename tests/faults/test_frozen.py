"""Processes that freeze (SIGSTOP) for a time, as on a machine that hangs: they neither work nor end."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from app.embedded.postgres import Postgres
from support.background import Background
from support.brokers import Broker
from support.database import query, until_it_is
from support.freezing import frozen
from support.load import Check, Load, TwoProcesses, UnderLoad, under_way
from support.processes import running
from support.scoring import SWEEP_SOON, UNSCORED

FROZEN_SECONDS = 4.0  # of an agent's patience, ten
SCORES_TWICE = """
    SELECT count(*) FROM agent_run_score JOIN agent_run_log ON id = run_id
    WHERE (scorer, version) = (rlhf_scores->>'scorer', rlhf_scores->>'version')
"""


@pytest.fixture
def pids(broker: Broker, postgres: Postgres, tmp_path: Path) -> Iterator[Callable[[str], int]]:
    """The process id of each part by its name, all of which run."""
    with ExitStack() as stack:
        commands = {"worker": ("worker", "--concurrency", "1"), "beat": ("beat",)}
        ids = {
            name: stack.enter_context(running(*command, env=SWEEP_SOON, log=tmp_path / f"{name}.log")).pid
            for name, command in commands.items()
        }
        yield lambda name: broker.pid if name == "Valkey" else ids[name]


def test_what_scores_freezes_and_goes_on(
    pids: Callable[[str], int],
    postgres: Postgres,
    background: Background,
    check: Check,
    two_processes: TwoProcesses,
) -> None:
    """No run waits for one of these parts, and each is scored in the end."""
    with two_processes() as server:
        for part in ("Valkey", "worker", "beat"):
            with under_way(Load(server.url, background, connections=6, pause=0.1)) as load:
                with frozen(pids(part)):
                    time.sleep(FROZEN_SECONDS)
                    load.wait_for(50)
                load.wait_for(50)
                tally = check(load, postgres.url, f"{part} frozen (SIGSTOP) for {FROZEN_SECONDS:.0f} s")
            assert (tally.refused, tally.unanswered, tally.acknowledged) == (0, 0, tally.sent), part
            background.run(until_it_is(postgres.url, UNSCORED, 0))
            assert background.run(query(postgres.url, SCORES_TWICE)) == 0, part


def test_an_api_process_freezes_and_goes_on(postgres: Postgres, check: Check, under_load: UnderLoad) -> None:
    with under_load(connections=12) as (server, load):
        with frozen(server.api_processes()[0].pid):
            time.sleep(FROZEN_SECONDS)
        back_after = load.seconds_until_acknowledged(time.monotonic())
        load.wait_for(100)
        fault = f"one of two API processes frozen (SIGSTOP) for {FROZEN_SECONDS:.0f} s"
        check(load, postgres.url, fault, back_after=back_after)


def test_a_database_freezes_and_goes_on(postgres: Postgres, check: Check, under_load: UnderLoad) -> None:
    with under_load(connections=40) as (_, load):
        with frozen(postgres.pid):
            time.sleep(FROZEN_SECONDS)
        back_after = load.seconds_until_acknowledged(time.monotonic())
        load.wait_for(100)
        fault = f"PostgreSQL frozen (SIGSTOP, every process) for {FROZEN_SECONDS:.0f} s"
        check(load, postgres.url, fault, back_after=back_after)
