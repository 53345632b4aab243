"""Every benchmark in turn, as one report.

    .venv/bin/python benchmarks/all.py [--rows 10000000] [--json] [--write docs/reference/performance.md]

Takes about half an hour and 12 GB for temporary files. `--write` puts the tables into a page, below the
line that says so.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import ingest
import reads
import scoring
import sustained
from harness import machine, table

MARK = "<!-- Written by benchmarks/all.py: -->"


def measure(rows: int) -> dict[str, Any]:
    """Each benchmark's figures, with its title and columns."""
    parts: dict[str, Any] = {}
    for title, columns, run in (
        ("Ingest", ingest.COLUMNS, lambda: ingest.measure(workers=1, seconds=6, rounds=5)),
        ("A steady minute", sustained.COLUMNS, lambda: sustained.measure(rate=1000, seconds=60, workers=1)),
        ("Reads by size of the log", reads.COLUMNS, lambda: reads.measure(rows)),
        ("Scoring", scoring.COLUMNS, lambda: scoring.measure(count=10_000, rounds=3)),
    ):
        print(f"{title} …", file=sys.stderr)
        parts[title] = {"columns": columns, "figures": run()}
    return parts


def report(parts: dict[str, Any]) -> str:
    """The figures as Markdown."""
    found = machine()
    lines = [
        f"On {found['cores']} cores ({found['cpu']}) with {found['memory_gib']} GiB, {found['system']},"
        f" Python {found['python']}, the embedded PostgreSQL 18 with its stock settings and fsync on; the"
        f" load made by {found['load']} on the same cores."
    ]
    for title, part in parts.items():
        lines += ["", f"### {title}", "", table(part["figures"], part["columns"])]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=10_000_000, help="of the long log")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    parts = measure(arguments.rows)
    if arguments.write:
        page = arguments.write.read_text(encoding="utf-8")
        arguments.write.write_text(f"{page.partition(MARK)[0]}{MARK}\n\n{report(parts)}\n", encoding="utf-8")
    figures = {title: part["figures"] for title, part in parts.items()}
    print(json.dumps({"machine": machine(), **figures}) if arguments.json else report(parts))


if __name__ == "__main__":
    main()
