"""What a command loads until it ends: every package here costs each start the time of its import."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

# Runs a command and, as it ends, writes down the installed packages that it loaded.
RECORDING = """
import atexit, json, os, pathlib, sys, sysconfig

def record():
    site = pathlib.Path(sysconfig.get_path("purelib"))
    files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    loaded = {path.relative_to(site).parts[0] for path in map(pathlib.Path, filter(None, files))
              if path.is_relative_to(site)}
    pathlib.Path(os.environ["LOADED"]).write_text(json.dumps(sorted(loaded)))

atexit.register(record)
sys.argv[0] = "runlog"
from app.cli.main import main
main()
"""
# Loaded by Python itself, for a .pth file of the environment.
PYTHON = {"_distutils_hack"}
TYPER = {"typer", "annotated_doc", "shellingham"}
# typer converts what parameters are given by pydantic.
TYPER_CONVERTING = TYPER | {
    "annotated_types",
    "pydantic",
    "pydantic_core",
    "typing_extensions.py",
    "typing_inspection",
}
NOWHERE = "http://127.0.0.1:1"


def started(tmp_path: Path, *arguments: str, **env: str) -> tuple[str, set[str]]:
    """What `runlog ARGUMENTS` wrote to stdout, and the installed packages it had loaded when it ended."""
    record = tmp_path / "loaded.json"
    done = subprocess.run(
        [sys.executable, "-c", RECORDING, *arguments],
        env={**os.environ, "LOADED": str(record), "RUNLOG_URL": NOWHERE, **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "Traceback" not in done.stderr
    return done.stdout, set(json.loads(record.read_text(encoding="utf-8"))) - PYTHON


@pytest.mark.parametrize(
    ("arguments", "packages"),
    [
        ("--version", TYPER),
        ("--help", TYPER),
        ("nonsense", TYPER_CONVERTING),
        ("runs --help", TYPER_CONVERTING),
        ("score backfill --help", TYPER_CONVERTING),
        ("report sage success --summary Done", {*TYPER_CONVERTING, "msgspec"}),
        ("exec --agent sage -- true", {*TYPER_CONVERTING, "msgspec"}),
    ],
)
def test_a_command_loads_these_packages_alone(arguments: str, packages: set[str], tmp_path: Path) -> None:
    _, loaded = started(tmp_path, *arguments.split())
    assert loaded == packages


def test_the_default_data_directory_takes_one_package_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RUNLOG_DATA_DIR")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    _, loaded = started(tmp_path, "report", "sage", "success", HOME=str(tmp_path))
    assert loaded == {*TYPER_CONVERTING, "msgspec", "platformdirs"}


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("runlog ru", "runs"),
        ("runlog --ver", "--version"),
        ("runlog runs --fo", "--follow"),
        ("runlog runs --status par", "partial"),
        ("runlog score back", "backfill"),
        ("runlog score judge sta", "status"),
        ("runlog export preferences --min", "--min-gap"),
        ("runlog exec --ag", "--agent"),
    ],
)
def test_a_shell_completes_commands_and_options_of_any_depth(
    words: str, completed: str, tmp_path: Path
) -> None:
    env = {"_RUNLOG_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    out, loaded = started(tmp_path, **env)
    assert out.split() == [completed]
    assert loaded == TYPER_CONVERTING
