"""Tables on a narrow terminal, with names as long as agents may have."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pytest
from rich.console import Console, RenderableType

from app.alerts.wire import AlertOut, AttemptOut
from app.cli import alerts, score_agreement, score_reward
from app.cli.answers import LoggedRun
from app.cli.runs import _followed, _listed
from app.cli.score_trend import _table
from app.quality.domain.agreement import Agreement, Measure
from app.quality.domain.trend import Trend
from app.quality.trends import QualityReport
from app.scoring.wire import RewardModelOut


def shown(table: RenderableType, width: int) -> str:
    console = Console(width=width)
    with console.capture() as captured:
        console.print(table)
    return captured.get()


@pytest.mark.parametrize("width", [60, 80])
@pytest.mark.parametrize("agent_id", ["an-agent-with-a-long-name" * 5, "数据库备份代理人" * 9, "a"])
def test_a_long_name_leaves_room_for_the_summary(agent_id: str, width: int) -> None:
    moment = f"{datetime.now(UTC) - timedelta(minutes=13)}"
    run = LoggedRun(
        id="01a22706-0dbd-7c02-8a51-2f6d1c0e9a44",
        agent_id=agent_id,
        status="success",
        action_summary="Rotated logs of the billing service",
        run_at=moment,
        created_at=moment,
        consecutive_silence_count=0,
        rlhf_scores=msgspec.Raw(b"null"),
        actions_taken=msgspec.Raw(b"null"),
    )
    text = shown(_listed([run], width), width)
    assert "Rotated logs of th" in text
    assert "01a22706-0dbd" in text
    assert max(map(len, text.splitlines())) <= width

    followed = shown(_followed([run], width), width)
    assert "Rotated logs of th" in followed
    assert max(map(len, followed.splitlines())) <= width


def test_a_trend_says_each_name_to_its_end() -> None:
    trend = Trend("too_few_runs", 0.5, 4, None, 0)
    names = {"specificity": trend}
    report = QualityReport(
        generated_at=datetime.now(UTC),
        days=7,
        agent_id=None,
        overall=trend,
        dimensions=names,
        scorers={},
        previous_scorers={},
        sampled=False,
        agents={"an-agent-with-a-long-name": trend},
    )
    lines = shown(_table(report), 60).splitlines()
    assert any(line.startswith("specificity ") for line in lines)
    named = "".join(line.split("  ")[0].strip() for line in lines)
    assert "an-agent-with-a-long-name" in named


def test_an_alert_says_how_it_went_in_whole_words_on_a_narrow_terminal() -> None:
    now = datetime.now(UTC)
    alert = AlertOut(
        id=UUID(int=0),
        kind="opened",
        channel="mailto",
        state="pending",
        severity="high",
        findings=[],
        title="HIGH: consecutive failures, 2 agents: Aurora, Sage",
        text=None,
        created_at=now,
        next_attempt_at=now,
        sent_at=None,
        attempts=[
            AttemptOut(
                started_at=now, ok=False, outcome="the connection failed: Connection refused", seconds=0.1
            )
        ],
    )
    waiting = alert.model_copy(update={"title": None, "attempts": []})
    lines = shown(alerts._table([alert, waiting]), 60).splitlines()
    assert max(map(len, lines)) <= 60
    said = " ".join(" ".join(line[30:].split()) for line in lines[1:])
    assert (
        "HIGH: consecutive failures, 2 agents: Aurora, Sage the connection failed: Connection refused" in said
    )
    assert said.endswith("opened not tried yet")


def test_agreement_has_room_for_every_measure_on_a_narrow_terminal() -> None:
    some = Measure(-0.123, -0.55, 0.55)
    found = Agreement(some, some, some, some, Measure(reason="needs 5 runs at least, has 1"))
    lines = shown(score_agreement._table([("rubric 3", 1, 2, found)]), 60).splitlines()
    assert [" ".join(line.split()) for line in lines] == [
        "scorer measure value",
        "rubric 3 Spearman -0.12 (-0.55 to 0.55)",
        "1 run, 2 raters pairs in order -0.12 (-0.55 to 0.55)",
        "kappa -0.12 (-0.55 to 0.55)",
        "error -0.12 (-0.55 to 0.55)",
        "absolute error -",
    ]


def test_versions_of_the_reward_model_keep_their_figures_on_a_narrow_terminal() -> None:
    against = {"candidate": 0.841, "other": 0.591, "gain": 0.25, "at_least": 0.109, "pairs": 2_561}
    version = RewardModelOut(
        version=12,
        state="promoted",
        trained_at=datetime.now(UTC) - timedelta(days=3),
        rated_until=datetime.now(UTC) - timedelta(days=3),
        promoted_at=None,
        withdrawn_at=None,
        rubric="3",
        ratings=2_265,
        raters=12,
        runs=2_253,
        report={"against": {"rubric": against}, "features": {}},
    )
    text = shown(score_reward._table([version]), 60)
    assert max(map(len, text.splitlines())) <= 60
    assert "…" not in text
    for figure in ("promoted", "0.841", "0.591", "+0.109", "2,265"):
        assert figure in text
    assert score_reward._compared("in_force", {**against, "pairs": 0}) == (
        "no pairs of runs left out to compare it with the model in force"
    )
