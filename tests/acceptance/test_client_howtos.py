"""What the pages about reporting from elsewhere show, run as it stands there; the server only listens."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.reporting import Shell, listened_to

HOWTO = Path(__file__).parents[2] / "docs/howto"
URL = "http://127.0.0.1:8000"
PROGRAM = "/srv/agent-run-log/.venv/bin/runlog"
RUNLOG = str(Path(sys.executable).parent / "runlog")
CLAUDE_RESULT = {
    "type": "result",
    "subtype": "success",
    "is_error": False,
    "duration_ms": 91042,
    "num_turns": 9,
    "result": "Added an index to billing_events; the report takes 40 ms instead of 2 s",
    "session_id": "5f0e4a60-6c7f-4c8e-a3ad-1fd0a2a50001",
    "total_cost_usd": 0.21,
    "usage": {"input_tokens": 310, "output_tokens": 2100},
    "uuid": "0c3b2f6e-5b77-4f0e-9a53-6a0e54a30002",
}
CODEX_EVENTS = (
    {"type": "thread.started", "thread_id": "0199a213-81c0-7800-8aa1-bbab2a035a53"},
    {"type": "turn.started"},
    {
        "type": "item.completed",
        "item": {"id": "item_1", "type": "agent_message", "text": "Updated CHANGELOG.md"},
    },
    {
        "type": "turn.completed",
        "usage": {"input_tokens": 24763, "cached_input_tokens": 24448, "output_tokens": 122},
    },
)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """A shell whose reports somebody listens to, with `runlog` and a home directory of its own."""
    with listened_to() as shell:
        shell.env |= {"PATH": f"{tmp_path}:{Path(RUNLOG).parent}:{os.environ['PATH']}", "HOME": str(tmp_path)}
        yield shell


def code(page: str, language: str) -> list[str]:
    """The blocks of a page in one language."""
    text = (HOWTO / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def program(path: Path, script: str) -> None:
    """Make a shell script that can be run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def here(text: str, shell: Shell, directory: Path) -> str:
    """What a page shows, with the server, the program and the directories of this test."""
    return (
        text.replace(URL, shell.env["RUNLOG_URL"])
        .replace(PROGRAM, RUNLOG)
        .replace("/srv/", f"{directory}/srv/")
    )


def sh(script: str, shell: Shell, directory: Path, **env: str) -> "subprocess.CompletedProcess[str]":
    """Run a script by sh, as cron does: with what is set for it alone."""
    return subprocess.run(
        ["/bin/sh", "-c", script],
        cwd=directory,
        env={"PATH": shell.env["PATH"], "HOME": str(directory), **env},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def runs(shell: Shell) -> list[dict[str, Any]]:
    """What was reported, without the start signals."""
    return [run for run in map(json.loads, shell.listener.sent) if "status" in run]


def cron(page: str, shell: Shell, directory: Path) -> None:
    """Run every line of a page's crontab once, as cron would."""
    (table,) = code(page, "crontab")
    lines = here(table, shell, directory).splitlines()
    env = dict(line.split("=", 1) for line in lines if re.match(r"[A-Z_]+=", line))
    env.pop("PATH", None)  # of what the test has put in place of the real programs
    commands = [line.split(None, 5)[5] for line in lines if not re.match(r"[A-Z_]+=", line)]
    assert commands
    for command in commands:
        done = sh(command, shell, directory, **env)
        assert done.returncode == 0, done.stderr


def test_the_lines_of_a_crontab(shell: Shell, tmp_path: Path) -> None:
    program(tmp_path / "srv/atlas/scale-workers.sh", "echo Scaled worker replicas to 3")
    cron("cron.md", shell, tmp_path)
    (run,) = runs(shell)
    assert (run["agent_id"], run["source"]) == ("atlas", "exec")
    assert run["actions_taken"]["summary"] == "Scaled worker replicas to 3"


def test_a_job_that_says_what_it_did(shell: Shell, tmp_path: Path) -> None:
    job, _ = code("cron.md", "sh")
    (tmp_path / "logs").mkdir()
    for name in ("a.log", "b.old", "c.old"):
        (tmp_path / "logs" / name).touch()
    program(tmp_path / "job.sh", job)
    done = sh("runlog exec --agent atlas -- ./job.sh", shell, tmp_path, RUNLOG_URL=shell.env["RUNLOG_URL"])
    assert done.stdout == "removed 2 old logs\n"
    (run,) = runs(shell)
    assert run["actions_taken"]["summary"] == "Removed 2 old logs"
    assert run["actions_taken"]["kept"] == 1


def test_a_job_that_nothing_stands_around(shell: Shell, tmp_path: Path) -> None:
    _, script = code("cron.md", "sh")
    program(tmp_path / "scale-workers.sh", "echo no quota; exit 3")
    assert sh(f"set -e\n{script}", shell, tmp_path, RUNLOG_URL=shell.env["RUNLOG_URL"]).returncode == 0
    start, run = map(json.loads, shell.listener.sent)
    assert (run["status"], run["actions_taken"]) == ("failed", {"summary": "no quota"})
    assert run["run_key"] == start["run_key"]


def directive(unit: str, name: str) -> str:
    """The value of a directive that a unit has once."""
    (value,) = re.findall(rf"^{name}=(.*)$", unit, re.MULTILINE)
    return str(value)


def test_the_units_of_systemd(shell: Shell, tmp_path: Path) -> None:
    service, timer, drop_in = (here(text, shell, tmp_path) for text in code("systemd.md", "ini"))
    program(tmp_path / "srv/atlas/scale-workers.sh", "echo Scaled worker replicas to 3")
    if verify := shutil.which("systemd-analyze"):
        (tmp_path / "atlas.service").write_text(service)
        (tmp_path / "atlas.timer").write_text(timer)
        (tmp_path / "atlas.service.d").mkdir()
        (tmp_path / "atlas.service.d/runlog.conf").write_text(drop_in)
        units = [str(tmp_path / "atlas.service"), str(tmp_path / "atlas.timer")]
        done = subprocess.run([verify, "verify", *units], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
    setting, _, value = directive(service, "Environment").partition("=")
    done = sh(directive(service, "ExecStart"), shell, tmp_path, **{setting: value})
    assert (done.returncode, done.stdout) == (0, "Scaled worker replicas to 3\n")
    (run,) = runs(shell)
    assert (run["agent_id"], run["status"]) == ("atlas", "success")


@pytest.mark.parametrize(
    ("result", "how", "status", "expected", "actions"),
    [
        ("success", "exited", "0", "success", {}),
        ("exit-code", "exited", "3", "failed", {"summary": "atlas failed: exit-code, exited 3"}),
        ("timeout", "killed", "TERM", "failed", {"summary": "atlas failed: timeout, killed TERM"}),
    ],
)
def test_what_comes_after_a_unit_of_systemd(
    shell: Shell, tmp_path: Path, result: str, how: str, status: str, expected: str, actions: dict[str, Any]
) -> None:
    drop_in = here(code("systemd.md", "ini")[2], shell, tmp_path)
    # As systemd does: of two dollar signs one is left, and quotes are taken as a shell takes them.
    command = shlex.split(directive(drop_in, "ExecStopPost").replace("$$", "$"))
    env = {"SERVICE_RESULT": result, "EXIT_CODE": how, "EXIT_STATUS": status, "INVOCATION_ID": "5c1b" * 8}
    subprocess.run(command, env=shell.env | env, check=True, capture_output=True)
    (run,) = runs(shell)
    assert (run["status"], run["actions_taken"], run["source"]) == (expected, actions, "systemd")
    assert run["run_key"] == env["INVOCATION_ID"]


def test_claude_code(shell: Shell, tmp_path: Path) -> None:
    program(tmp_path / "claude", f"cat <<'END'\n{json.dumps(CLAUDE_RESULT)}\nEND")
    (tmp_path / "srv/billing").mkdir(parents=True)
    (tmp_path / "srv/billing/prompt.txt").write_text("The prompt")
    (script,) = code("claude-code.md", "sh")
    assert sh(script, shell, tmp_path, RUNLOG_URL=shell.env["RUNLOG_URL"]).returncode == 0
    cron("claude-code.md", shell, tmp_path)
    assert [run["agent_id"] for run in runs(shell)] == ["sage", "sage"]
    for run in runs(shell):
        assert run["actions_taken"]["summary"] == CLAUDE_RESULT["result"]
        assert run["actions_taken"]["total_cost_usd"] == 0.21
        assert "prompt" not in json.dumps(run).lower()


def test_the_report_that_claude_code_is_asked_for(shell: Shell, tmp_path: Path) -> None:
    (prompt,) = code("claude-code.md", "text")
    (command,) = re.findall(r"^runlog report .*$", prompt, re.MULTILINE)
    command = command.replace("<what you did, in a sentence>", "Added an index")
    program(
        tmp_path / "agent",
        command.replace("<JSON object with the facts>", "{}").replace("'{}'", "'{\"n\": 1}'"),
    )
    sh("runlog exec --agent sage -- ./agent", shell, tmp_path, RUNLOG_URL=shell.env["RUNLOG_URL"])
    own, of_exec = runs(shell)
    assert own["actions_taken"] == {"summary": "Added an index", "n": 1}
    assert own["run_key"] == of_exec["run_key"]
    assert ("source" in own, of_exec["source"]) == (False, "exec")


def test_codex(shell: Shell, tmp_path: Path) -> None:
    events = "\n".join(map(json.dumps, CODEX_EVENTS))
    program(tmp_path / "codex", f"echo working >&2; cat <<'END'\n{events}\nEND")
    (tmp_path / "srv/release").mkdir(parents=True)
    (tmp_path / "srv/release/prompt.txt").write_text("The prompt")
    (script,) = code("codex.md", "sh")
    assert sh(script, shell, tmp_path, RUNLOG_URL=shell.env["RUNLOG_URL"]).returncode == 0
    cron("codex.md", shell, tmp_path)
    assert len(runs(shell)) == 2
    for run in runs(shell):
        assert run["actions_taken"]["summary"] == "Updated CHANGELOG.md"
        assert run["actions_taken"]["usage"]["output_tokens"] == 122


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")
def test_curl(shell: Shell, tmp_path: Path) -> None:
    request, function = (here(text, shell, tmp_path) for text in code("curl.md", "sh"))
    done = sh(f"set -e\n{request}", shell, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert sh(f"{function}\nreported nova sh -c 'exit 3'", shell, tmp_path).returncode == 3
    first, atlas, nova = runs(shell)
    assert first["actions_taken"]["replicas"] == 3
    assert (atlas["status"], atlas["actions_taken"]) == ("success", {"exit_code": 0})
    assert (nova["status"], nova["actions_taken"]) == ("failed", {"exit_code": 3})
    assert len(set(shell.listener.keys)) == 3


@pytest.mark.skipif(
    None in (shutil.which("curl"), shutil.which("jq")), reason="there is no curl or no jq here"
)
def test_the_last_step_of_github_actions(shell: Shell, tmp_path: Path) -> None:
    (text,) = code("github-actions.md", "yaml")
    step = yaml.safe_load(text)["jobs"]["scan"]["steps"][-1]
    assert step["if"] == "always()"
    given = {"RUNLOG_URL": shell.env["RUNLOG_URL"], "RUNLOG_TOKEN": "t0ken", "RUN_KEY": "github:a/b:1:1"}
    given |= {
        "STATUS": "failed",
        "SUMMARY": 'nova 7 ended with "failure"',
        "PAGE": "https://github.example/a/b",
    }
    assert set(step["env"]) == set(given)
    done = sh(f"set -e\n{step['run']}", shell, tmp_path, **given)
    assert (done.returncode, done.stderr) == (0, "")
    (run,) = runs(shell)
    assert (run["agent_id"], run["status"], run["source"]) == ("nova", "failed", "github-actions")
    assert run["actions_taken"]["summary"] == given["SUMMARY"]
    assert shell.listener.keys == [given["RUN_KEY"]]
    assert shell.listener.requests[0][1] == "Bearer t0ken"


def test_the_container_of_a_cron_job_of_kubernetes(shell: Shell, tmp_path: Path) -> None:
    (text,) = code("kubernetes.md", "yaml")
    pod = yaml.safe_load(text)["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert {each["name"] for each in container["volumeMounts"]} == {each["name"] for each in pod["volumes"]}
    env = {each["name"]: each.get("value", "pod-1") for each in container["env"]}
    env |= {"RUNLOG_URL": shell.env["RUNLOG_URL"], "RUNLOG_SPOOL_DIR": str(tmp_path / "spool")}
    # As Kubernetes does it.
    command = [re.sub(r"\$\((\w+)\)", lambda found: env[found[1]], word) for word in container["command"]]
    program(tmp_path / "scale-workers.sh", "echo Scaled worker replicas to 3")
    done = sh(shlex.join(command), shell, tmp_path, **env)
    assert (done.returncode, done.stdout) == (0, "Scaled worker replicas to 3\n")
    (run,) = runs(shell)
    assert (run["agent_id"], run["run_key"]) == ("atlas", "pod-1")
