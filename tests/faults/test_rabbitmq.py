"""A RabbitMQ node that is killed, or stops and goes on: no report waits for it, and every run is scored.

Set RUNLOG_TEST_RABBITMQ_SERVER to the script `rabbitmq-server`; without it these tests are skipped.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from app.config import get_settings
from app.embedded.postgres import Postgres
from support.background import Background
from support.database import until_it_is
from support.freezing import frozen
from support.load import Check, UnderLoad
from support.processes import running
from support.rabbitmq import RabbitMq
from support.scoring import SWEEP_SOON, UNSCORED

PROGRAM = os.environ.get("RUNLOG_TEST_RABBITMQ_SERVER", "")  # read before a test's settings are taken away
CONNECTIONS = 60  # with the pauses of a load some 500 runs a second
AWAY_RUNS = 2_000  # acknowledged while the node is away


@pytest.fixture
def rabbitmq(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RabbitMq]:
    """A running node of the test's own; the settings point at it."""
    if not PROGRAM:
        pytest.skip("RUNLOG_TEST_RABBITMQ_SERVER is not set")
    directory = tmp_path / "rabbitmq"
    directory.mkdir()
    node = RabbitMq(PROGRAM, directory)
    node.start()
    monkeypatch.setenv("CELERY_BROKER_URL", node.url)
    get_settings.cache_clear()
    yield node
    node.kill()


@contextmanager
def killed(node: RabbitMq) -> Iterator[None]:
    """As by the system that runs out of memory, and started again."""
    node.kill()
    yield
    node.start()


def stopped(node: RabbitMq) -> AbstractContextManager[None]:
    """As on a machine that hangs, and goes on."""
    return frozen(node.pid)


@pytest.mark.parametrize("lose", [killed, stopped])
def test_a_node_that_is_away(
    postgres: Postgres,
    rabbitmq: RabbitMq,
    background: Background,
    check: Check,
    under_load: UnderLoad,
    tmp_path: Path,
    lose: Callable[[RabbitMq], AbstractContextManager[None]],
) -> None:
    log = tmp_path / "celery.log"
    with (
        running("worker", "--concurrency", "1", env=SWEEP_SOON, log=log),
        running("beat", env=SWEEP_SOON, log=log),
        under_load(connections=CONNECTIONS) as (_, load),
    ):
        with lose(rabbitmq):
            load.wait_for(AWAY_RUNS)
        load.wait_for(AWAY_RUNS)
        tally = check(load, postgres.url, f"the RabbitMQ node {lose.__name__} and back again")
        assert (tally.refused, tally.unanswered, tally.acknowledged) == (0, 0, tally.sent)
        background.run(until_it_is(postgres.url, UNSCORED, 0))
