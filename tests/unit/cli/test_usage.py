"""Wrong usage exits with 2 and a sentence."""

from functools import cache
from typing import Any

import pytest
from typer.main import get_command

from app.cli.main import COMMANDS, make_app


@cache
def parser() -> Any:
    """All commands, which take longer to declare than to call."""
    return get_command(make_app(list(COMMANDS)))


def exit_status(arguments: str) -> object:
    with pytest.raises(SystemExit) as end:
        parser().main(arguments.split(), prog_name="runlog")
    return end.value.code


@pytest.mark.parametrize(
    "arguments",
    [
        "report",
        "report sage",
        "report sage done",
        "report sage success --actions {",
        "report sage success --actions []",
        "report sage success --actions @/no/such/file",
        "report sage success --run-key größe",
        "report sage success --source größe",
        "report sage success --started-at 2026-11-29T02:00:00",
        "report sage success --finished-at yesterday",
        "exec -- true",
        "exec --agent sage",
        "exec --agent sage --timeout 5 -- true",
        "exec --agent sage --timeout 0s -- true",
        "exec --agent sage --key größe -- true",
        "start",
        "start sage --key größe",
        "flush now",
        "runs --limit 0",
        "runs --limit many",
        "runs --status done",
        "runs --since yesterday",
        "runs --since 0001-01-01T00:00:00+10:00",
        "rate",
        "rate nonsense 1",
        "rate 9b2d4c1e-0000-4000-8000-000000000000 2 --rater ada",
        "score review --limit 0",
        "score agreement --since yesterday",
        "export preferences --min-gap 0",
        "export preferences --by nobody",
        "export ratings --since yesterday",
        "serve --port 0",
        "serve --expose some",
        "worker --concurrency 0",
        "nonsense",
        "--nonsense",
    ],
)
def test_wrong_usage_exits_2(arguments: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_status(arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err


@pytest.mark.parametrize("arguments", ["--help", "-h", "--version", *(f"{name} --help" for name in COMMANDS)])
def test_help_and_version_exit_0(arguments: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_status(arguments) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    assert shown.out
