"""Tables on a narrow terminal, with names as long as agents may have."""

from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console
from rich.table import Table

from app.cli.runs import _listed
from app.cli.score_trend import _table
from app.quality.domain.trend import Trend
from app.quality.trends import QualityReport


def shown(table: Table, width: int) -> str:
    console = Console(width=width)
    with console.capture() as captured:
        console.print(table)
    return captured.get()


@pytest.mark.parametrize("width", [60, 80])
@pytest.mark.parametrize("agent_id", ["an-agent-with-a-long-name" * 5, "数据库备份代理人" * 9, "a"])
def test_a_long_name_leaves_room_for_the_summary(agent_id: str, width: int) -> None:
    run: dict[str, Any] = {
        "id": "01a22706-0dbd-7c02-8a51-2f6d1c0e9a44",
        "agent_id": agent_id,
        "status": "success",
        "action_summary": "Rotated logs of the billing service",
        "created_at": datetime.now(UTC),
        "rlhf_scores": None,
    }
    text = shown(_listed([run], width), width)
    assert "Rotated" in text
    assert "01a22706-0dbd" in text
    assert max(map(len, text.splitlines())) <= width


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
    lines = shown(_table(report, 8), 60).splitlines()
    named = "".join(line[:8].strip() for line in lines)
    assert "specificity" in named
    assert "an-agent-with-a-long-name" in named
