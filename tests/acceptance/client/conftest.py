"""A spool of the test's own."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def spool_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the client's processes keep what they cannot deliver."""
    directory = tmp_path / "spool"
    monkeypatch.setenv("RUNLOG_SPOOL_DIR", str(directory))
    return directory
