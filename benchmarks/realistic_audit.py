"""What the Auditor finds in fleets as they behave in practice, by kind, and what it wrongly finds.

    .venv/bin/python benchmarks/realistic_audit.py [--each 4] [--days 60] [--seed 1] [--seeds 1]
        [--only timing|declared|outcomes|shared|usage] [--json]

`timing` are agents of whom nothing is declared, `declared` the same with their schedules. "Stops" are times
in which an agent did not report though it should have: "reported" by a finding, "delay" in periods of the
agent.
"false" are findings of `stopped_reporting`, "late" of `late`, that were none, in 1,000 agent-days; and
"other" those of further rules about reporting. A failing episode is to be reported once: "reported again"
counts what is more. `usage` are agents whose runs report what they took, with runs among them that took 20
times the most of the 300 before.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from audit import show
from fleets.realistic import RealFleet, by_outcome, by_timing
from fleets.shared import SHARED
from fleets.sums import total
from fleets.truth import Row, compare, compare_shared
from fleets.usage import UsageRow, judged_usage

from app.audit.domain.backtest import judge
from app.audit.domain.evaluation import all_rules
from app.audit.domain.replay import PastFinding
from app.models.agent_run_log import AUDITOR

RULES = all_rules(failure_streak=3, silence_streak=3)


def found_in(fleet: RealFleet) -> list[PastFinding]:
    """What the backtest finds."""
    result = judge(RULES, fleet.history(), fleet.declarations(), found_by=AUDITOR)
    for error in result.errors:
        print(f"{error.rule} could not judge {error.agent_id}: {error.error}", file=sys.stderr)
    return result.found


def agents(options: argparse.Namespace) -> Iterator[tuple[str, dict[str, Row]]]:
    """A fleet, and its rows by kind, all seeds together."""
    for name in ("timing", "declared", "outcomes"):
        if options.only and name not in options.only:
            continue
        rows: dict[str, Row] = defaultdict(Row)
        for seed in range(options.seed, options.seed + options.seeds):
            if name == "outcomes":
                fleet = by_outcome(seed, options.each, options.days)
            else:
                fleet = by_timing(seed, options.each, options.days, declared=name == "declared")
            for kind, row in compare(fleet, found_in(fleet)).items():
                rows[kind].add(row)
        yield name, rows


def shared(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """A row of each thing that befalls many, learned and declared."""
    for name, made in SHARED.items():
        for declared in (False, True):
            for seed in range(options.seed, options.seed + options.seeds):
                for each in made(seed, 3 * options.each, options.days, declared=declared):
                    row = compare_shared(each, found_in(each.fleet))
                    yield {"fleet": "declared" if declared else "learned", "kind": f"{name}, {seed}", **row}


def usage(options: argparse.Namespace) -> list[dict[str, Any]]:
    """A row of each kind of what runs take, all seeds together."""
    rows: dict[str, UsageRow] = defaultdict(UsageRow)
    for seed in range(options.seed, options.seed + options.seeds):
        for kind, row in judged_usage(seed, options.each, options.days):
            rows[kind].add(row)
    named = {**rows, "all": total(rows.values(), UsageRow())}
    return [{"fleet": "usage", "kind": kind, **row.shown()} for kind, row in named.items()]


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--each", type=int, default=4, help="agents of each kind")
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--only", action="append", help="may be repeated")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    tables = []
    for name, rows in agents(options):
        named = {**rows, "all": total(rows.values(), Row())}
        tables.append([{"fleet": name, "kind": kind, **row.shown()} for kind, row in named.items()])
    if not options.only or "shared" in options.only:
        tables.append(list(shared(options)))
    if not options.only or "usage" in options.only:
        tables.append(usage(options))
    if options.json:
        json.dump(tables, sys.stdout)
    else:
        for table in tables:
            show(table, width=200)


if __name__ == "__main__":
    main()
