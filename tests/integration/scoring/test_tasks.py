"""The scoring tasks while the database is away."""

from uuid import uuid4

import pytest

from app.config import get_settings
from app.tasks.rlhf_tasks import score_agent_run, score_agent_runs, sweep_unscored_runs
from support.processes import free_port


@pytest.fixture(autouse=True)
def _database_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgresql://runlog@127.0.0.1:{free_port()}/runlog")
    monkeypatch.setenv("CELERY_BROKER_URL", f"redis://127.0.0.1:{free_port()}/0")
    get_settings.cache_clear()


def test_a_score_is_postponed_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    score_agent_run.run(str(uuid4()))
    score_agent_runs.run([str(uuid4()), str(uuid4())])
    lines = [record.getMessage() for record in caplog.records if "scoring_postponed" in record.getMessage()]
    assert len(lines) == 2
    assert all("the database cannot be reached" in line for line in lines)


def test_a_sweep_is_postponed_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    sweep_unscored_runs.run()
    assert "sweep_postponed" in caplog.text
