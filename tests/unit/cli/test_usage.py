"""Wrong usage exits with 2 and a sentence."""

import pytest
from typer.testing import CliRunner

from app.cli.main import COMMANDS, make_app


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
def test_wrong_usage_exits_2(arguments: str) -> None:
    done = CliRunner().invoke(make_app(list(COMMANDS)), arguments.split())
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr


@pytest.mark.parametrize("arguments", ["--help", "-h", "--version", *(f"{name} --help" for name in COMMANDS)])
def test_help_and_version_exit_0(arguments: str) -> None:
    done = CliRunner().invoke(make_app(list(COMMANDS)), arguments.split())
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout
