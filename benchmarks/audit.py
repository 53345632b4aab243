"""What the Auditor finds in simulated fleets, and what it wrongly finds, by kind of schedule; and its speed.

    .venv/bin/python benchmarks/audit.py [--each 20] [--days 75] [--seed 1] [--json]

Nothing is declared of the agents: all is learned from when they reported. A delay counts from when
an observer who knew the schedule would have noticed, in periods of the agent. Who is named as missing
together with others is found as well. The live figure is one cycle's judgement of agents whose cadences are
known, without reading them.
"""

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Any

from fleets import CHANGING, EVENTS, REGULAR, Figures, Fleet, Kind, score, simulate
from fleets.sums import total
from rich.console import Console
from rich.table import Table

from app.audit.cadence import Cadence
from app.audit.domain.backtest import judge
from app.audit.domain.evaluation import all_rules, evaluate, suspecting
from app.audit.domain.history import AgentHistory, ReportedRun

RULES = all_rules(failure_streak=3, silence_streak=3)
SLOWER = {name: kind for name, kind in REGULAR.items() if name != "every few minutes"}
SCENARIOS: dict[str, tuple[dict[str, Kind], dict[str, Any]]] = {
    "regular": (REGULAR, {}),
    "changing": (CHANGING, {}),
    "added late": (SLOWER, {"added_late": 1.0}),
    "with outages of all": (SLOWER, {"down": [(20.4, 20.55), (35, 36)]}),
    "by events": (EVENTS, {}),
}


def histories(fleet: Fleet) -> dict[str, list[ReportedRun]]:
    """The runs of a fleet: all successful."""
    return {
        agent.agent_id: [
            ReportedRun(f"run {i}", "success", datetime.fromtimestamp(at, UTC), summary="Done")
            for i, at in enumerate(agent.reports)
        ]
        for agent in fleet.agents
        if agent.reports
    }


def judged(fleet: Fleet) -> tuple[dict[str, Figures], int, float]:
    """Figures by kind, the number of runs, and the seconds that judging took."""
    history = histories(fleet)
    start = time.perf_counter()
    found = judge(RULES, history, {}).found
    seconds = time.perf_counter() - start
    opened, together = defaultdict(list), defaultdict(list)
    for past in found:
        evidence, at = past.finding.evidence, past.opened_at.timestamp()
        if past.finding.rule == "stopped_reporting":
            opened[past.finding.agent_id].append(at)
        until = past.closed_at.timestamp() if past.closed_at else inf
        for agent_id in set(evidence.get("agents", ())) - set(evidence.get("quiet", ())):
            together[agent_id].append((at, until))
    return score(fleet, opened, together), sum(map(len, history.values())), seconds


def live(agents: int) -> float:
    """Seconds that judging so many agents takes, a tenth of which are overdue."""
    now = datetime(2026, 9, 30, tzinfo=UTC)
    histories = []
    for overdue in (False, True):
        newest = now - timedelta(hours=5 if overdue else 0.5)
        runs = [
            ReportedRun(f"run {i}", "success", newest - timedelta(hours=i), summary="Done") for i in range(50)
        ]
        cadence = Cadence.of(newest - timedelta(hours=i) for i in reversed(range(24 * 30)))
        histories.append(AgentHistory("", now, tuple(runs), cadence))
    fleet = [replace(histories[n % 10 == 0], agent_id=f"agent-{n}") for n in range(agents)]
    start = time.perf_counter()
    for history in fleet:
        if suspecting(RULES, history):
            evaluate(RULES, history)
    return time.perf_counter() - start


def rows(scenario: str, figures: Mapping[str, Figures]) -> list[dict[str, Any]]:
    """A row a kind, and one for all."""
    named = {**figures, "all": total(figures.values(), Figures())}
    return [{"fleet": scenario, "kind": kind, **row.shown()} for kind, row in named.items()]


def show(table_rows: Sequence[Mapping[str, Any]], width: int = 140) -> None:
    """As a table, of so many characters a line."""
    table = Table(box=None)
    for heading in table_rows[0]:
        justify = "left" if heading in ("fleet", "kind") else "right"
        table.add_column(heading.replace("_", " "), justify=justify)
    for row in table_rows:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    Console(width=width).print(table)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--each", type=int, default=20, help="agents of each kind")
    parser.add_argument("--days", type=int, default=75)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    shown, runs, seconds = [], 0, 0.0
    for scenario, (kinds, settings) in SCENARIOS.items():
        fleet = simulate(kinds, options.seed, each=options.each, days=options.days, **settings)
        figures, judged_runs, took = judged(fleet)
        shown += rows(scenario, figures)
        runs, seconds = runs + judged_runs, seconds + took
    speed = {"runs": runs, "runs_per_s": round(runs / seconds), "live_10000_agents_s": round(live(10_000), 3)}
    if options.json:
        json.dump({"kinds": shown, "speed": speed}, sys.stdout)
    else:
        show(shown)
        Console().print(speed)


if __name__ == "__main__":
    main()
