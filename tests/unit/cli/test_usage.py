"""Wrong usage exits with 2 and a sentence; whatever a server answers makes a sentence."""

import pytest
from typer.testing import CliRunner

from app.cli.http_post import Answer
from app.cli.main import COMMANDS, make_app
from app.cli.sending import _reason


@pytest.mark.parametrize(
    "arguments",
    [
        "report",
        "report sage",
        "report sage done",
        "report sage success --actions {",
        "report sage success --actions []",
        "report sage success --actions @/no/such/file",
        "exec -- true",
        "exec --agent sage",
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


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ('{"detail": "the ingest queue is full"}', "the ingest queue is full"),
        ('{"detail": [{"loc": ["body", 0], "msg": "JSON decode error"}]}', "body.0: JSON decode error"),
        ('{"detail": [{"loc": ["a"], "msg": "x"}, {"loc": ["b"], "msg": "y"}]}', "a: x; b: y"),
        ('{"detail": ["no"]}', "Bad Request"),
        ('{"detail": [{}]}', "Bad Request"),
        ('{"detail": [{"loc": 5, "msg": 1}]}', "Bad Request"),
        ('{"error": "no"}', "Bad Request"),
        ("[]", "Bad Request"),
        ("5", "Bad Request"),
        ("<html>", "Bad Request"),
        ("", "Bad Request"),
    ],
)
def test_any_answer_is_a_sentence(body: str, reason: str) -> None:
    assert _reason(Answer(400, "Bad Request", body.encode())) == reason
