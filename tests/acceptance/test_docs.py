"""What the documentation shows works as it stands there."""

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import asyncpg
import pytest
from apprise import Apprise

from conftest import Servers
from support.openclaw import make_database
from support.processes import free_port, serving

ROOT = Path(__file__).parents[2]
SECTION = re.compile(r"^## (.+?)\n(.*?)(?=^## |\Z)", re.DOTALL | re.MULTILINE)
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)\)")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])

pytestmark = pytest.mark.anyio


def blocks(document: Path, *sections: str) -> list[tuple[str, str]]:
    """The language and text of every code block of the document's sections."""
    texts = dict(SECTION.findall(document.read_text(encoding="utf-8")))
    return [block for section in sections for block in BLOCK.findall(texts[section])]


def blocks_within_lists(document: Path, section: str) -> list[str]:
    """The text of every shell block of a section, taken out of the indentation of the list that it is in."""
    texts = dict(SECTION.findall(document.read_text(encoding="utf-8")))
    found = re.findall(r"^   ```sh\n(.*?)^   ```", texts[section], re.DOTALL | re.MULTILINE)
    return [textwrap.dedent(block) for block in found]


def run_block(language: str, text: str, url: str, directory: Path) -> str:
    """Run a block as a reader would, with the test's server in place of the default one."""
    command = ["sh", "-e", "-c"] if language == "sh" else [sys.executable, "-c"]
    text = text.replace("http://127.0.0.1:8000", url)
    done = subprocess.run([*command, text], cwd=directory, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
    return done.stdout


async def test_the_examples_of_the_readme(
    database: str,
    db: asyncpg.Connection,
    servers: Servers,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv/bin").symlink_to(Path(sys.executable).parent)
    monkeypatch.setenv("CELERY_BROKER_URL", servers.broker_url)
    with serving(env={}, log=tmp_path / "serve.log") as url:
        monkeypatch.setenv("RUNLOG_URL", url)
        outputs = [
            run_block(*block, url, tmp_path) for block in blocks(ROOT / "README.md", "Report a run", "Look")
        ]
    assert "204 No Content" in outputs[0]
    rows = await db.fetch("SELECT agent_id, status FROM agent_run_log ORDER BY created_at")
    assert [tuple(row) for row in rows] == [
        ("sage", "success"),
        ("aurora", "partial"),
        ("nova", "failed"),
        ("atlas", "success"),
    ]
    assert '"tasks_completed_today":2' in outputs[-1]


async def test_an_agent_fetches_its_feedback_as_the_howto_shows(
    database: str, db: asyncpg.Connection, tmp_path: Path
) -> None:
    await db.execute("""
        INSERT INTO agent_run_log (agent_id, action_summary, rlhf_scores)
        SELECT 'sage', 'Did things', '{"overall": 0.3, "dimensions": {"evidence": 0.1}}'
        FROM generate_series(1, 3)
    """)
    howto = blocks(ROOT / "docs/howto/agent-feedback.md", "At the start of a run")
    assert [language for language, _ in howto] == ["sh", "python"]
    with serving(env={}, log=tmp_path / "serve.log") as url:
        _, shown = [run_block(*block, url, tmp_path) for block in howto]
        for prompt in ((tmp_path / "prompt.txt").read_text(encoding="utf-8"), shown):
            assert "**evidence** fell short in 3 of 3 runs." in prompt
            assert prompt.startswith("You are Sage")
            assert "\nYour task: " in prompt
    # Nor does it keep an agent from its work that the product is away.
    run_block(*howto[0], url, tmp_path)
    assert "evidence" not in (tmp_path / "prompt.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    targets = LINK.findall(document.read_text(encoding="utf-8"))
    assert [target for target in targets if not (document.parent / target).exists()] == []


def test_haproxy_takes_the_balancers_that_are_shown(tmp_path: Path) -> None:
    haproxy = shutil.which("haproxy")
    if haproxy is None:
        pytest.skip("no haproxy")
    text = (ROOT / "docs/howto/several-machines.md").read_text(encoding="utf-8")
    shown = re.findall(r"^```haproxy\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert len(shown) == 2
    configuration = tmp_path / "haproxy.cfg"
    configuration.write_text("\n".join(shown), encoding="utf-8")
    asked = [haproxy, "-c", "-f", configuration]
    checked = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


def test_every_setting_is_documented() -> None:
    from app.config import Settings
    from app.environment import environment_name

    text = (ROOT / "docs/reference/settings.md").read_text(encoding="utf-8")
    assert [name for name in map(environment_name, Settings.model_fields) if f"`{name}`" not in text] == []


def test_every_path_is_documented() -> None:
    from app.config import Settings
    from app.main import create_app

    text = (ROOT / "docs/reference/http.md").read_text(encoding="utf-8")
    paths = {path.replace("{run_id}", "{id}") for path in create_app(Settings()).openapi()["paths"]}
    assert [path for path in sorted(paths) if path not in text] == []


def test_alerts_are_set_up_as_the_howto_shows(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv/bin").symlink_to(Path(sys.executable).parent)
    # A directory whose name a shell would take for two; `runlog up` has made it.
    directory = tmp_path / "data of runlog"
    directory.mkdir()
    monkeypatch.setenv("RUNLOG_DATA_DIR", str(directory))
    port = free_port()
    howto = blocks_within_lists(ROOT / "docs/howto/alerts.md", "From zero")
    assert len(howto) == 5
    with serving(env={}, log=tmp_path / "serve.log") as url:
        monkeypatch.setenv("RUNLOG_URL", url)
        script = "\n".join(text.replace("9000", str(port)) for text in howto)
        done = subprocess.run(
            ["sh", "-e", "-c", f"{script}\nkill $!"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "webhook: ok in " in done.stdout
    assert '"type": "alert.test"' in done.stdout
    assert "nova  consecutive_failures" in done.stdout
    assert (directory / "settings.env").stat().st_mode & 0o777 == 0o600
    assert "no setting" not in done.stderr


async def test_a_run_of_the_queue_is_rated_as_the_howto_shows(
    database: str, db: asyncpg.Connection, tmp_path: Path
) -> None:
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv/bin").symlink_to(Path(sys.executable).parent)
    await db.execute("""
        INSERT INTO agent_run_log (agent_id, action_summary, rlhf_scores)
        VALUES ('sage', 'Did things', '{"overall": 0.5, "auto": 0.5, "scorer": "rubric", "version": "1"}')
    """)
    queue, rating = blocks_within_lists(ROOT / "docs/howto/quality-loop.md", "Rate")
    assert "Did things" in run_block("sh", queue, "", tmp_path)
    assert "action_summary: Did things" in run_block("sh", rating, "", tmp_path)
    assert await db.fetchval("SELECT rating::float FROM agent_run_feedback WHERE rater = 'ada'") == 0.25


async def test_commands_work_from_elsewhere_as_the_howto_shows(
    database: str, db: asyncpg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = "01a2269a-a083-7000-8000-000000000001"
    await db.execute("INSERT INTO agent_run_log (id, agent_id, status) VALUES ($1, 'sage', 'failed')", run_id)
    server = {"DATABASE_URL": database, "RUNLOG_TOKEN": "its-token"}
    with serving("--host", "0.0.0.0", env=server, log=tmp_path / "log") as url:  # noqa: S104
        monkeypatch.delenv("DATABASE_URL")
        monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
        for name, value in (("RUNLOG_URL", url), ("RUNLOG_TOKEN", "its-token")):
            monkeypatch.setenv(name, value)
        [block] = blocks(ROOT / "docs/howto/remote.md", "Look, rate, declare")
        shown = run_block(*block, url, tmp_path)
    assert f"rated {run_id} 0.2" in shown
    assert "sage is declared: Sage, Backend, every 15m" in shown


async def test_openclaw_is_set_up_as_the_howto_shows(
    database: str, db: asyncpg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    howto = ROOT / "docs/howto/openclaw.md"
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv/bin").symlink_to(Path(sys.executable).parent)
    make_database(tmp_path / ".openclaw/state/openclaw.sqlite")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RUNLOG_DATA_DIR", str(tmp_path))
    [names] = blocks(howto, "Names and the token")
    shown = run_block(*names, "", tmp_path)
    assert "main=sage,ops=nova" in shown
    assert "a-long-random-text" not in shown
    text = howto.read_text(encoding="utf-8")
    [gateway] = re.findall(r"^   ```json\n(.*?)^   ```", text, re.DOTALL | re.MULTILINE)
    assert json.loads(gateway)["cron"]["webhookToken"] == "a-long-random-text"
    [webhook] = blocks_within_lists(howto, "By webhooks")
    [history] = blocks(howto, "From its history")
    with serving(env={}, log=tmp_path / "serve.log") as url:
        assert "7 deploys, 1 rolled back" in run_block("sh", webhook, url, tmp_path)
        assert "Imported 32 runs" in run_block(*history, url, tmp_path)
    agents = await db.fetch("SELECT DISTINCT agent_id FROM agent_run_log ORDER BY 1")
    assert [row[0] for row in agents] == ["nova", "sage"]
    reference = (ROOT / "docs/reference/openclaw.md").read_text(encoding="utf-8")
    [kept] = re.findall(r"^```sql\n(.*?)^```", reference, re.DOTALL | re.MULTILINE)
    assert await db.fetch(kept) == []


def test_every_channel_that_the_howto_shows_can_be_read() -> None:
    text = (ROOT / "docs/howto/alerts.md").read_text(encoding="utf-8")
    urls = re.findall(r"^\| [^|`]+ \| `(\w+://[^`]+)` \|$", text, re.MULTILINE)
    assert len(urls) >= 7
    assert [url for url in urls if Apprise.instantiate(url) is None] == []


async def test_an_agent_reports_by_opentelemetry_as_the_howto_shows(
    database: str, db: asyncpg.Connection, tmp_path: Path
) -> None:
    (example,) = blocks(ROOT / "docs/howto/opentelemetry.md", "An instrumented agent")
    with serving(env={}, log=tmp_path / "serve.log") as url:
        run_block(*example, url, tmp_path)
    rows = await db.fetch("SELECT agent_id, status, action_summary FROM agent_run_log")
    assert [tuple(row) for row in rows] == [("sage", "success", "Rotated 3 log files")]


async def test_a_model_reports_by_mcp_as_the_howto_shows(
    database: str, db: asyncpg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    # Clients hand few variables on, so what is kept on disk is found by this one.
    monkeypatch.setenv("HOME", str(tmp_path))
    (example,) = blocks(ROOT / "docs/howto/mcp.md", "Over stdio")
    with serving(env={}, log=tmp_path / "serve.log") as url:
        shown = run_block(*example, url, tmp_path)
    row = await db.fetchrow("SELECT id::text, agent_id, status, action_summary FROM agent_run_log")
    assert tuple(row)[1:] == ("sage", "success", "Rotated 3 log files")
    assert f"'run_id': '{row['id']}'" in shown


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
async def test_hermes_reports_by_webhooks_as_the_howto_shows(
    database: str, db: asyncpg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret, sent = blocks_within_lists(ROOT / "docs/howto/hermes.md", "Webhooks")
    given = run_block("sh", f'{secret}\nprintf %s "$secret"', "", tmp_path)
    assert (tmp_path / "settings.env").read_text(encoding="utf-8") == f"RUNLOG_HERMES_SECRET={given}\n"
    with serving(env={"RUNLOG_HERMES_SECRET": given}, log=tmp_path / "serve.log") as url:
        run_block("sh", f"secret={given}\n{sent}", url, tmp_path)
    rows = await db.fetch("SELECT agent_id, status FROM agent_run_log")
    assert [tuple(row) for row in rows] == [("hermes", "success")]
