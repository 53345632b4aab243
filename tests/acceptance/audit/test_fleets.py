"""Simulated fleets on many kinds of schedules, none declared: what stopped is found, and nothing else."""

from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

import pytest
from fleets import CHANGING, EVENTS, REGULAR, Figures, Kind, score, simulate

from app.audit.domain.backtest import judge
from app.audit.domain.evaluation import all_rules
from app.audit.domain.history import ReportedRun

RULES = all_rules(failure_streak=3, silence_streak=3)
SELDOM = {name: kind for name, kind in REGULAR.items() if name != "every few minutes"}
PLAIN = {name: kind for name, kind in SELDOM.items() if "manual" not in name}


def judged(kinds: dict[str, Kind], seed: int, each: int, **settings: Any) -> dict[str, Figures]:
    """How well what stopped is found, by kind of schedule."""
    fleet = simulate(kinds, seed, each=each, days=60, **settings)
    history = {
        agent.agent_id: [ReportedRun("", "success", datetime.fromtimestamp(at, UTC)) for at in agent.reports]
        for agent in fleet.agents
        if agent.reports
    }
    result = judge(RULES, history, {})
    assert result.errors == []
    opened = defaultdict(list)
    for past in result.found:
        assert past.finding.rule in ("stopped_reporting", "agents_missing", "late", "fleet_silent")
        if past.finding.rule == "stopped_reporting":
            opened[past.finding.agent_id].append(past.opened_at.timestamp())
        for agent_id in past.finding.evidence.get("agents", ()):
            if agent_id not in past.finding.evidence["quiet"]:
                opened[agent_id].append(past.opened_at.timestamp())
    # The simulation ends everywhere at once, which the fleet's last finding says.
    silences = [past for past in result.found if past.finding.rule == "fleet_silent" and past.closed_at]
    assert len(silences) == len(settings.get("down", ()))
    return score(fleet, opened)


def total(figures: dict[str, Figures]) -> Figures:
    everything = Figures()
    for each in figures.values():
        everything.add(each)
    return everything


@pytest.mark.parametrize(
    ("seed", "settings", "recall"),
    [
        (11, {}, 0.95),
        (12, {"added_late": 1.0}, 0.93),
        (12, {"down": [(20.4, 20.55), (35, 36)]}, 0.93),
    ],
    ids=["regular", "added late", "with outages of all"],
)
def test_what_stops_is_found_and_nothing_else(seed: int, settings: dict[str, Any], recall: float) -> None:
    found = total(judged(PLAIN, seed, 5, **settings))
    assert found.incidents >= 25
    assert found.found >= recall * found.incidents
    assert found.false <= found.agent_days / 1000
    assert sorted(found.delays)[len(found.delays) // 2] <= 1


def test_runs_by_hand_are_put_up_with() -> None:
    found = total(judged({name: kind for name, kind in SELDOM.items() if "manual" in name}, 11, 10))
    assert found.found >= 0.8 * found.incidents
    assert found.false <= 5 * found.agent_days / 1000


def test_schedules_that_change_are_followed() -> None:
    found = total(judged(CHANGING, 11, 5))
    assert found.found >= 0.8 * found.incidents
    assert found.false <= 2 * found.agent_days / 1000


def test_events_raise_nothing() -> None:
    found = total(judged(EVENTS, 11, 5))
    assert found.false <= found.agent_days / 1000
