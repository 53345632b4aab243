"""The commands against a server elsewhere, behind a proxy and with its token, and beside the database."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from support.local_http import QuietHandler, serving_requests
from support.processes import called, free_port, served

TOKEN = "s3cret-of-the-server"
PREFIX = "/tools/log"


@pytest.fixture(scope="module")
def module_remote(module_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The settings by which commands find a server that asks for a token, below a path of a proxy."""
    directory, port = tmp_path_factory.mktemp("remote"), free_port()
    env = {"DATABASE_URL": module_database, "RUNLOG_DATA_DIR": str(directory), "RUNLOG_TOKEN": TOKEN}
    with (
        served("--host", "0.0.0.0", env=env, log=directory / "log") as server,  # noqa: S104
        serving_requests(_proxy_to(server.url), port, lambda: None),
    ):
        url = f"http://127.0.0.1:{port}{PREFIX}/"
        yield {"DATABASE_URL": "", "RUNLOG_URL": url, "RUNLOG_TOKEN": TOKEN}


@pytest.fixture
def remote(module_remote: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The server's settings, and the commands find it."""
    for name, value in module_remote.items():
        monkeypatch.setenv(name, value)
    return module_remote


def _proxy_to(url: str) -> type[QuietHandler]:
    """A reverse proxy that answers below `PREFIX` alone."""

    class Proxy(QuietHandler):
        def pass_on(self) -> None:
            if not self.path.startswith(f"{PREFIX}/"):
                self.send_error(404)
                return
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            target = url + self.path.removeprefix(PREFIX)
            answer = httpx.request(self.command, target, content=body, headers=headers, timeout=60)
            self.send_response(answer.status_code)
            for name in ("Content-Type", "Run-Id"):
                if name in answer.headers:
                    self.send_header(name, answer.headers[name])
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = pass_on  # noqa: N815

    return Proxy


def runlog(*arguments: str, **env: str) -> str:
    """What a command that succeeds prints."""
    done = called(*arguments, **env)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_run_is_reported_read_and_rated_from_elsewhere(remote: dict[str, str]) -> None:
    run_id = runlog("report", "helios", "failed", "--summary", "Disk full").strip()
    assert run_id[:13] in runlog("runs", "--agent", "helios", "--since", "1h")
    assert "action_summary: Disk full" in runlog("show", run_id[:18])
    assert runlog("rate", run_id[:18], "0.25", "--rater", "ada", "--comment", "größe") == (
        f"ada rated {run_id} 0.25\n"
    )
    ratings = httpx.get(
        f"{remote['RUNLOG_URL']}api/v1/internal/agent-run-log/{run_id}/feedback",
        headers={"Authorization": f"Bearer {TOKEN}"},
        timeout=60,
    ).json()["ratings"]
    assert [(each["rater"], each["rating"], each["comment"]) for each in ratings] == [("ada", 0.25, "größe")]


def test_an_agent_is_declared_changed_and_removed_from_elsewhere(remote: dict[str, str]) -> None:
    assert runlog("agents", "set", "luma/1", "--every", "15m", "--role", "Billing") == (
        "luma/1 is declared: luma/1, Billing, every 15m\n"
    )
    changed = runlog("agents", "set", "luma/1", "--grace", "10m", "--role", "", "--name", "Luma")
    assert changed == "luma/1 is declared: Luma, every 15m, 10 min of grace\n"
    cron = runlog("agents", "set", "luma/1", "--cron", "0 9 * * 1-5", "--timezone", "Europe/Berlin")
    assert cron == "luma/1 is declared: Luma, 0 9 * * 1-5, Europe/Berlin, 10 min of grace\n"
    runlog("agents", "mute", "luma/1")
    assert "is paused until" in runlog("agents", "pause", "luma/1", "--until", "2h")
    [agent] = [
        line
        for line in map(json.loads, runlog("agents", "--json").splitlines())
        if line["agent_id"] == "luma/1"
    ]
    assert (agent["state"], agent["muted"], agent["display_name"]) == ("paused", True, "Luma")
    assert runlog("agents", "resume", "luma/1") == "luma/1 is watched\n"
    assert runlog("agents", "rm", "luma/1") == "luma/1 is no longer declared; its runs stay\n"
    for command in ("rm", "pause", "mute"):
        gone = called("agents", command, "luma/1")
        assert (gone.returncode, "no agent luma/1 has reported" in gone.stderr) == (1, True)


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--every", "15m", "--cron", "@daily"),
        ("--every", "often"),
        ("--grace", "soon"),
        ("--timezone", "X/Y"),
    ],
)
def test_what_cannot_be_declared_is_wrong_usage(remote: dict[str, str], options: tuple[str, ...]) -> None:
    done = called("agents", "set", "nobody", *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert "nobody" not in runlog("agents")


def test_a_finding_is_shown_and_its_status_is_the_same(remote: dict[str, str], module_database: str) -> None:
    for _ in range(3):
        runlog("report", "nova", "failed", "--summary", "aborted")
    shown = called("audit", "--json")
    assert shown.returncode == 0
    assert "consecutive_failures" in {json.loads(line)["rule"] for line in shown.stdout.splitlines()}
    assert "The Auditor has not run yet" in shown.stderr
    missing = called("audit", "acknowledge", "0000")
    assert (missing.returncode, missing.stderr) == (1, "runlog: no open finding begins with 0000\n")


@pytest.mark.parametrize(
    "command",
    [
        *("runs", "runs --json --agent sage", "runs --agent nobody", "agents", "agents list --json"),
        *(
            "feedback sage",
            "feedback sage --json",
            "feedback nobody",
            "show {}",
            "show {} --json",
            "show 0000",
        ),
        *("runs --since 9999-12-31T23:59:59-14:00", "agents rm nobody", "rate 0000 1 --rater ada"),
    ],
)
def test_the_database_and_the_server_say_the_same(
    remote: dict[str, str], module_database: str, command: str
) -> None:
    payload = '{"summary": "Paid \\u202e17 invoices", "big": 12345678901234567890123, "x": 1.50}'
    run_id = runlog("report", "sage", "success", "--actions", payload).strip()
    words = command.format(run_id).split()
    by_server = called(*words)
    by_database = called(*words, DATABASE_URL=module_database)
    assert re.sub(r"\d+ s ", "", by_server.stdout) == re.sub(r"\d+ s ", "", by_database.stdout)
    assert (by_server.returncode, by_server.stderr) == (by_database.returncode, by_database.stderr)
    assert "Traceback" not in by_server.stderr


@pytest.mark.parametrize(
    ("token", "words"),
    [("", "asks for a token: set RUNLOG_TOKEN"), ("wrong", "does not take this token: set")],
)
@pytest.mark.parametrize(
    "command", ["runs", "tail", "agents set sage --role x", "audit", "rate 00 1 --rater a"]
)
def test_without_its_token_a_server_is_read_and_changed_by_nobody(
    remote: dict[str, str], token: str, words: str, command: str
) -> None:
    done = called(*command.split(), RUNLOG_TOKEN=token)
    assert (done.returncode, done.stdout) == (1, "")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def test_another_path_of_the_proxy_is_not_our_server(remote: dict[str, str]) -> None:
    done = called("agents", RUNLOG_URL=remote["RUNLOG_URL"].replace(PREFIX, "/other"))
    assert (done.returncode, "is no Agent Run Log: it answered 404" in done.stderr) == (1, True)


def test_a_public_face_says_that_it_is_one(module_database: str, tmp_path: Path) -> None:
    with served("--expose", "public", env={"DATABASE_URL": module_database}, log=tmp_path / "log") as server:
        done = called("runs", RUNLOG_URL=server.url)
    assert (done.returncode, "shows its public face only" in done.stderr) == (1, True)
