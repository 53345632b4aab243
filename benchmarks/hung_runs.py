"""How soon the Auditor finds runs that hang, of agents that say when these start, and how often it is wrong.

    .venv/bin/python benchmarks/hung_runs.py [--each 16] [--days 110] [--seed 1]

Agents of each kind by how long their runs take, every quarter of an hour to once a day in turn. Half of them
hang once or twice, for three days each. What is false is in 1,000 agent-days.
"""

import argparse

from audit import show
from fleets.lengths import LengthRow, judged_lengths
from fleets.sums import total


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--each", type=int, default=16, help="agents of each kind")
    parser.add_argument("--days", type=int, default=110)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rows: dict[str, LengthRow] = {}
    for kind, row in judged_lengths(options.seed, options.each, options.days):
        rows.setdefault(kind, LengthRow()).add(row)
    everything = total(rows.values(), LengthRow())
    show([{"kind": kind, **row.shown()} for kind, row in {**rows, "all": everything}.items()])


if __name__ == "__main__":
    main()
