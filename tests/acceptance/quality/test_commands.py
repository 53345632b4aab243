"""`runlog feedback` and `runlog score trend` on a real database: for people, for programs, for prompts."""

import asyncio
import json
import os
import pty
import subprocess
from pathlib import Path

import asyncpg
import pytest

from support.processes import RUNLOG, called

FILL = """
    INSERT INTO agent_run_log (agent_id, action_summary, created_at, rlhf_scores)
    SELECT agent, 'Fixed leak in session.py, #12', now() - n * interval '6 hours' - interval '1 hour',
        jsonb_build_object(
            'overall', CASE WHEN agent = 'nova' AND n < 28 THEN 0.5 ELSE 0.8 END + (n % 3) * 0.02,
            'scorer', 'rubric', 'version', CASE WHEN agent = 'atlas' AND n < 28 THEN '2' ELSE '1' END,
            'dimensions',
            jsonb_build_object('evidence', CASE WHEN n % 4 = 0 THEN 0.9 ELSE 0.3 END, 'honesty', 0.9)
        )
    FROM unnest(ARRAY['nova', 'atlas', $1]) AS agent, generate_series(0, 55) AS n
"""
LONG = "a-very-long-agent-name\x1b[31m-that-nobody-would-choose-" + "x" * 120


@pytest.fixture(scope="module")
def log(module_database: str) -> str:
    """A database with two weeks of three agents."""

    async def fill() -> None:
        connection = await asyncpg.connect(module_database)
        await connection.execute(FILL, LONG)
        await connection.close()

    asyncio.run(fill())
    return module_database


def runlog(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    done = called(*arguments, DATABASE_URL=url)
    assert "Traceback" not in done.stderr + done.stdout
    return done


def on_a_terminal(url: str, *arguments: str) -> str:
    """What the command shows on a terminal of 80 columns."""
    master, slave = pty.openpty()
    env = {**os.environ, "DATABASE_URL": url, "COLUMNS": "80", "LINES": "40", "TERM": "xterm"}
    with subprocess.Popen([*RUNLOG, *arguments], env=env, stdout=slave, stderr=slave) as command:
        os.close(slave)
        shown = b""
        while True:
            try:
                part = os.read(master, 65_536)
            except OSError:  # Linux says so when the other end is closed
                break
            if not part:
                break
            shown += part
        assert command.wait(120) == 0
    os.close(master)
    return shown.decode().replace("\r\n", "\n")


def plain(shown: str) -> list[str]:
    """The lines on a screen, without colours."""
    from rich.text import Text

    return Text.from_ansi(shown).plain.splitlines()


def test_the_trend_as_json(log: str) -> None:
    done = runlog(log, "score", "trend", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(done.stdout)
    assert {name: agent["verdict"] for name, agent in report["agents"].items()} == {
        "nova": "declined",
        LONG: "no_change",
        "atlas": "not_comparable",
    }
    one = json.loads(runlog(log, "score", "trend", "--agent", "nova", "--json").stdout)
    assert (one["agent_id"], one["overall"]["verdict"], one["overall"]["runs"]) == ("nova", "declined", 28)


def test_the_trend_fits_a_terminal_and_needs_no_colour(log: str) -> None:
    shown = on_a_terminal(log, "score", "trend")
    lines = plain(shown)
    assert max(map(len, lines)) <= 80
    nova = next(line for line in lines if line.startswith("nova"))
    assert nova.split() == ["nova", "0.52", "0.82", "-0.30", "±0.01", "28/28", "▼", "declined"]
    assert any(line.startswith("a-very-long") and line.endswith("= no change that matters") for line in lines)
    assert any("≠ not comparable" in line for line in lines)
    assert any(line.startswith("evidence") for line in lines)
    assert "\x1b[31m-that" not in shown


def test_feedback_for_a_prompt_is_plain_markdown_and_on_a_terminal_it_is_rendered(log: str) -> None:
    done = runlog(log, "feedback", "nova")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(
        "# Feedback on the runs of `nova`\n\nQuality 0.52 of 1 over 7 days (28 runs), 0.82"
    )
    assert "**evidence** fell short in 21 of 28 runs." in done.stdout
    assert "`Fixed leak in session.py, #12`" in done.stdout
    found = json.loads(runlog(log, "feedback", "nova", "--json").stdout)
    assert (found["agent_id"], found["lacks"][0]["dimension"]) == ("nova", "evidence")
    lines = plain(on_a_terminal(log, "feedback", "nova"))
    assert max(map(len, lines)) <= 80
    assert not any("**" in line or line.startswith("#") for line in lines)


@pytest.mark.parametrize("command", [["feedback", "nobody"], ["score", "trend", "--agent", "nobody"]])
def test_an_unknown_agent_is_one_sentence(log: str, command: list[str]) -> None:
    done = runlog(log, *command)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "runlog: this agent has neither reported nor been declared\n"


def test_a_fleet_without_runs_has_a_trend_of_nothing(database: str, tmp_path: Path) -> None:
    done = runlog(database, "score", "trend")
    assert (done.returncode, done.stderr) == (0, "")
    assert "too few runs" in done.stdout
