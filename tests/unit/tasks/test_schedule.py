"""What beat sends: to which queue, and for how long a message waits."""

from typing import Any

import pytest
from celery import Celery
from pydantic import SecretStr

from app.broker import JUDGE_QUEUE, WORKER_QUEUES, celery_settings
from app.config import Settings
from app.tasks.schedule import beat_schedule

SCORING = {"sweep-unscored-runs", "continue-score-backfills", "train-reward-model"}


@pytest.fixture
def schedule() -> dict[str, dict[str, Any]]:
    """With every entry that there can be."""
    return beat_schedule(
        Settings(
            judge_url="http://127.0.0.1:1", judge_model="m", judge_api_key=SecretStr("k"), payload_days=30
        )
    )


def test_only_scoring_waits_in_the_queue_of_runs(schedule: dict[str, dict[str, Any]]) -> None:
    app = Celery(set_as_current=False)
    app.conf.update(celery_settings("redis://127.0.0.1:1"))
    alerts, audit, scoring = WORKER_QUEUES
    queues = {
        name: app.amqp.router.route({}, entry["task"])["queue"].name for name, entry in schedule.items()
    }
    assert {name for name, queue in queues.items() if queue == scoring} == SCORING
    assert {name for name, queue in queues.items() if queue == alerts} == {"deliver-alerts"}
    assert {name for name, queue in queues.items() if queue == JUDGE_QUEUE} == {"sweep-unjudged-runs"}
    assert {
        queue for name, queue in queues.items() if name in ("seal-log", "audit", "erase-old-payloads")
    } == {audit}


def test_a_message_waits_for_busy_processes(schedule: dict[str, dict[str, Any]]) -> None:
    """Longer than the delays of an overload; and a seldom one for its interval."""
    expiries = {name: entry["options"]["expires"] for name, entry in schedule.items()}
    assert min(expiries.values()) == 60
    assert expiries["merge-rollups"] == schedule["merge-rollups"]["schedule"] == 300
