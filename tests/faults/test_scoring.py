"""Broker, workers and beats that are killed or doubled: every run is scored, and scored once."""

import itertools
import os
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import psutil
import pytest
from celery import Celery

from app.broker import SCORE_RUN, celery_settings
from app.embedded.postgres import Postgres
from app.proof.verify import verify
from app.scoring.domain.results import WORKER_LOST
from support.background import HANG, Background
from support.brokers import Broker
from support.database import execute, query, rows, until_it_is
from support.load import PATH, Check, UnderLoad
from support.processes import Process, running
from support.scoring import SWEEP_SOON, UNSCORED

# Each committed score leaves a note, and takes a moment, so that it can be caught in the middle.
NOTE_SCORES = """
    CREATE TABLE score_note (run_id uuid);
    CREATE FUNCTION note_score() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO score_note VALUES (NEW.id);
        PERFORM pg_sleep(0.005);
        RETURN NULL;
    END $$;
    CREATE TRIGGER note_score AFTER UPDATE ON agent_run_log FOR EACH ROW
    WHEN (NEW.rlhf_scores->'auto' IS DISTINCT FROM OLD.rlhf_scores->'auto') EXECUTE FUNCTION note_score()
"""
SCORED_TWICE = "SELECT count(*) - count(DISTINCT run_id) FROM score_note"
SCORING = "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
RATED_OTHERWISE = """
    SELECT count(*) FROM agent_run_feedback JOIN agent_run_log AS run ON run.id = run_id
    WHERE rating <> 0.25 OR run.rlhf_scores->>'overall' <> '0.25'
        OR run.rlhf_scores->'human' <> '{"rating": 0.25, "raters": 1}'
"""
# Of the runs, how many do not show the one result that there is, or have more beside it: the failure, say, of
# a worker that was killed over them.
TOLD_OTHERWISE = """
    SELECT count(*) FROM agent_run_log AS run LEFT JOIN agent_run_score AS kept ON kept.run_id = run.id
    WHERE run.rlhf_scores->>'scorer' IS DISTINCT FROM 'rubric'
        OR jsonb_typeof(run.rlhf_scores->'auto') IS DISTINCT FROM 'number' OR kept.run_id IS NOT NULL
"""

Start = Callable[..., AbstractContextManager[Process]]


@pytest.fixture
def start(postgres: Postgres, broker: Broker, background: Background, tmp_path: Path) -> Start:
    """Starts a command on the test's database and broker."""
    background.run(execute(postgres.url, NOTE_SCORES))

    def start_process(*arguments: str, **settings: str) -> AbstractContextManager[Process]:
        return running(*arguments, env=SWEEP_SOON | settings, log=tmp_path / "celery.log")

    return start_process


def check_scores(postgres: Postgres, background: Background) -> None:
    """Wait until every run is scored; each was scored once, on the run and beside it. The log is verified."""
    background.run(until_it_is(postgres.url, UNSCORED, 0))
    assert background.run(query(postgres.url, SCORED_TWICE)) == 0
    assert background.run(query(postgres.url, TOLD_OTHERWISE)) == 0
    verified = background.run(verify(postgres.url, processes=1, since=[], progress=lambda *_: None))
    assert verified.problems == []


def test_a_killed_broker(
    postgres: Postgres,
    broker: Broker,
    background: Background,
    check: Check,
    under_load: UnderLoad,
    start: Start,
) -> None:
    with (
        start("worker", "--concurrency", "1"),
        start("beat"),
        under_load(connections=6, pause=0.25) as (_, load),
    ):
        broker.kill()
        load.wait_for(50)
        broker.start()
        load.wait_for(50)
        tally = check(load, postgres.url, "the broker killed and started again")
        assert (tally.refused, tally.unanswered, tally.acknowledged) == (0, 0, tally.sent)
        check_scores(postgres, background)


def rate_some(url: str) -> int:
    """Rate the newest runs, scored or not; returns how many."""
    with httpx.Client(base_url=url, timeout=HANG) as client:
        runs = client.get(PATH, params={"limit": 30}).json()["runs"]
        for run in runs:
            rating = {"rating": 0.25, "rater": "ada"}
            assert client.post(f"{PATH}/{run['id']}/feedback", json=rating).status_code == 204
    return len(runs)


def kill_in_mid_score(victim: int, postgres: Postgres, background: Background) -> None:
    """SIGKILL a process while the database is at work on a score."""
    background.run(until_it_is(postgres.url, SCORING, True))
    os.kill(victim, signal.SIGKILL)


def test_killed_workers(
    postgres: Postgres,
    background: Background,
    check: Check,
    under_load: UnderLoad,
    start: Start,
) -> None:
    with start("beat"), under_load(connections=6, pause=0.25) as (server, load):
        rate_some(server.url)
        with start("worker", "--concurrency", "1") as worker:
            background.run(until_it_is(postgres.url, SCORING, True))
            (pool_process,) = psutil.Process(worker.pid).children()
            kill_in_mid_score(pool_process.pid, postgres, background)
            rate_some(server.url)
            load.wait_for(50)
            kill_in_mid_score(worker.pid, postgres, background)
        rate_some(server.url)
        load.wait_for(50)
        check(load, postgres.url, "a Celery pool process killed in mid-score, then the whole worker")
        with start("worker", "--concurrency", "1"):
            check_scores(postgres, background)
    assert background.run(query(postgres.url, "SELECT count(*) FROM agent_run_feedback")) >= 30
    assert background.run(query(postgres.url, RATED_OTHERWISE)) == 0


POISONED = """
    INSERT INTO agent_run_log (agent_id, actions_taken)
    SELECT agent_id, '{"summary": "Moved 3 jobs"}'
    FROM unnest('{sage,killer,nova,blocker,lyra,sage}'::text[]) AS agent_id RETURNING id
"""
OUTCOMES = """
    SELECT agent_id, rlhf_scores->>'error' AS error, rlhf_scores->>'attempts' AS attempts,
        rlhf_scores->>'overall' IS NOT NULL AS scored
    FROM agent_run_log ORDER BY agent_id
"""


def test_runs_that_end_every_worker(
    postgres: Postgres, broker: Broker, background: Background, start: Start
) -> None:
    first, *others = [str(row["id"]) for row in background.run(rows(postgres.url, POISONED))]
    with Celery(set_as_current=False) as sender:
        sender.conf.update(celery_settings(broker.url))
        sender.send_task(SCORE_RUN, (first, others))
    poison = str(Path(__file__).parent / "poison_runs")
    with start("worker", "--concurrency", "1", PYTHONPATH=poison):
        background.run(until_it_is(postgres.url, "SELECT count(*) FROM score_note", len(others) - 1))
    outcomes = {tuple(row) for row in background.run(rows(postgres.url, OUTCOMES))}
    assert outcomes == {
        *((agent, WORKER_LOST, "1", False) for agent in ("blocker", "killer")),
        *((agent, None, None, True) for agent in ("lyra", "nova", "sage")),
    }


HISTORY = """
    INSERT INTO agent_run_log (agent_id, created_at, actions_taken, rlhf_scores)
    SELECT 'agent-' || n % 5, now() - n * interval '1 minute', jsonb_build_object('summary', 'Fixed ' || n),
        jsonb_build_object('overall', 0.5, 'auto', 0.5, 'scorer', 'rubric', 'version', 'old',
            'dimensions', '{}'::jsonb, 'reasons', '[]'::jsonb, 'scored_at', '2026-11-22T10:00:00Z')
    FROM generate_series(1, 1200) AS n;
    UPDATE agent_run_log
    SET rlhf_scores = rlhf_scores || '{"overall": 0.25, "human": {"rating": 0.25, "raters": 1}}'
    WHERE agent_id = 'agent-0';
    INSERT INTO agent_run_feedback (run_id, rater, rating)
    SELECT id, 'ada', 0.25 FROM agent_run_log WHERE agent_id = 'agent-0'
"""
BACKFILL = ("score", "backfill", "--since", "30d")
BACKFILLED = (
    "SELECT count(*) FROM agent_run_score WHERE version = 'old'"  # the result that they showed before
)
BACKFILLS = "SELECT scored, skipped, failed, finished_at IS NOT NULL AS finished FROM score_backfill"
COUNTED_ON_THE_RUN = "SELECT count(*) FROM agent_run_log WHERE rlhf_scores->>'version' <> 'old'"


def test_a_killed_backfill(postgres: Postgres, background: Background, start: Start) -> None:
    background.run(execute(postgres.url, HISTORY))
    for done in (0, 250):
        with start(*BACKFILL) as backfill:
            further = f"SELECT scored > {done} FROM score_backfill"  # noqa: S608
            background.run(until_it_is(postgres.url, further, True))
            kill_in_mid_score(backfill.pid, postgres, background)
        background.run(until_it_is(postgres.url, SCORING, False))
    (stopped,) = background.run(rows(postgres.url, BACKFILLS))
    assert 0 < stopped["scored"] < 1200
    assert not stopped["finished"]
    assert background.run(query(postgres.url, BACKFILLED)) == stopped["scored"]
    with start(*BACKFILL) as backfill:
        assert backfill.wait(120) == 0
    (finished,) = background.run(rows(postgres.url, BACKFILLS))
    assert tuple(finished) == (1200, 0, 0, True)
    assert background.run(query(postgres.url, BACKFILLED)) == 1200
    assert background.run(query(postgres.url, COUNTED_ON_THE_RUN)) == 1200
    assert background.run(query(postgres.url, SCORED_TWICE)) == 0
    assert background.run(query(postgres.url, RATED_OTHERWISE)) == 0


AUDITS = "SELECT ended_at FROM audit_cycle ORDER BY ended_at"
OPENED = "SELECT rule, agent_id FROM audit_finding ORDER BY rule, agent_id"
SILENT = {"agent_id": "quiet", "status": "success", "actions_taken": {}}


def test_two_beats(
    postgres: Postgres,
    background: Background,
    check: Check,
    under_load: UnderLoad,
    start: Start,
) -> None:
    every_two_seconds = {"RUNLOG_AUDIT_INTERVAL": "2"}
    with (
        under_load(connections=6, pause=0.25) as (server, load),
        start("worker", "--concurrency", "2", **every_two_seconds),
        start("beat", **every_two_seconds) as beat,
        start("beat", **every_two_seconds),
    ):
        for _ in range(3):
            assert httpx.post(server.url + PATH, json=SILENT).status_code == 204
        for cycles in (4, 6):
            enough = f"SELECT count(*) > {cycles} FROM audit_cycle"  # noqa: S608
            background.run(until_it_is(postgres.url, enough, True))
            beat.kill()
        check(load, postgres.url, "two beats at once, of which one is killed")
        check_scores(postgres, background)
    moments = [row["ended_at"] for row in background.run(rows(postgres.url, AUDITS))]
    assert all((later - moment).total_seconds() > 1 for moment, later in itertools.pairwise(moments))
    findings = [(row["rule"], row["agent_id"]) for row in background.run(rows(postgres.url, OPENED))]
    assert len(set(findings)) == len(findings)
    assert [agent_id for _, agent_id in findings].count("quiet") == 1
