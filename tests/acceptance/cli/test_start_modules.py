"""What a command loads until it ends: every package here costs each start the time of its import."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.loaded import RECORD, loaded, own_modules, recording
from support.reporting import listened_to

TYPER = {"typer", "annotated_doc", "shellingham"}
# typer converts what parameters are given by pydantic.
TYPER_CONVERTING = TYPER | {
    "annotated_types",
    "pydantic",
    "pydantic_core",
    "typing_extensions.py",
    "typing_inspection",
}


@pytest.fixture(autouse=True)
def _server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A server takes what is reported, so that no command tries again."""
    with listened_to() as shell:
        monkeypatch.setenv("RUNLOG_URL", shell.env["RUNLOG_URL"])
        yield


def started(tmp_path: Path, *arguments: str, **env: str) -> tuple[str, set[str]]:
    """What `runlog ARGUMENTS` wrote to stdout, and the installed packages it had loaded when it ended."""
    command, record = recording(*arguments), tmp_path / "loaded.json"
    done = subprocess.run(
        command,
        env={**os.environ, RECORD: str(record), **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "Traceback" not in done.stderr
    return done.stdout, loaded(record)


@pytest.mark.parametrize(
    ("arguments", "packages"),
    [
        ("--version", TYPER),
        ("--help", TYPER),
        ("nonsense", TYPER_CONVERTING),
        ("runs --help", TYPER_CONVERTING),
        ("mcp --help", TYPER_CONVERTING),
        ("score backfill --help", TYPER_CONVERTING),
        ("report sage success --summary Done", {*TYPER_CONVERTING, "msgspec"}),
        ("exec --agent sage -- true", {*TYPER_CONVERTING, "msgspec"}),
        ("rate 9b2d4c1e 1", {*TYPER_CONVERTING, "msgspec", "rich"}),
        ("runs", {*TYPER_CONVERTING, "msgspec", "rich"}),
        ("show 9b2d4c1e", {*TYPER_CONVERTING, "msgspec", "rich"}),
        ("agents", {*TYPER_CONVERTING, "msgspec", "rich"}),
        ("agents set sage --role Backend", {*TYPER_CONVERTING, "msgspec", "rich"}),
        ("audit", {*TYPER_CONVERTING, "msgspec", "rich"}),
        ("feedback sage", {*TYPER_CONVERTING, "msgspec", "rich"}),
        ("exec --agent sage --started -- echo hi", {*TYPER_CONVERTING, "msgspec"}),
        ("start sage", {*TYPER_CONVERTING, "msgspec"}),
        ("flush", {*TYPER_CONVERTING, "msgspec"}),
    ],
)
def test_a_command_loads_these_packages_alone(arguments: str, packages: set[str], tmp_path: Path) -> None:
    _, packages_loaded = started(tmp_path, *arguments.split())
    assert packages_loaded == packages


@pytest.mark.parametrize("arguments", ["--version", "--help"])
def test_help_and_version_load_declarations_alone(arguments: str, tmp_path: Path) -> None:
    started(tmp_path, arguments)
    work = {name for name in own_modules(tmp_path / "loaded.json") if "app.cli.commands" not in name}
    assert work == {"app.cli", "app.cli.main", "app.cli.options", "app.errors"}


def test_the_default_data_directory_takes_one_package_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RUNLOG_DATA_DIR")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    _, packages_loaded = started(tmp_path, "report", "sage", "success", HOME=str(tmp_path))
    assert packages_loaded == {*TYPER_CONVERTING, "msgspec", "platformdirs"}


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
        ("runlog agents set --ev", "--every"),
        ("runlog tail --data", "--data-dir"),
    ],
)
def test_a_shell_completes_commands_and_options_of_any_depth(
    words: str, completed: str, tmp_path: Path
) -> None:
    env = {"_RUNLOG_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    out, packages_loaded = started(tmp_path, **env)
    assert out.split() == [completed]
    assert packages_loaded == TYPER_CONVERTING
