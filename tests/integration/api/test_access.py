"""Who may use the internal face of a server that other machines can reach."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.api.access import REPORTS, SESSION_COOKIE
from app.environment import TOKEN_FILE, read_token
from support.pages import execute
from support.processes import called, serving
from support.wire import ENDPOINT

RUN = {"agent_id": "sage", "status": "success", "actions_taken": {"summary": "Fixed it"}}
DEAR_RUN = """
WITH run AS (INSERT INTO agent_run_log (agent_id) VALUES ('dear') RETURNING id, agent_id, created_at)
INSERT INTO agent_run_usage (run_id, agent_id, created_at, cost_usd) SELECT *, 4.5 FROM run
"""
PAGE = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


class Site:
    """A server on all addresses, its token, and what it said at its start."""

    def __init__(self, url: str, data: Path, log: Path) -> None:
        self.url = url
        self.token = (data / TOKEN_FILE).read_text().strip()
        self.file = data / TOKEN_FILE
        self.log = log


@pytest.fixture(scope="module")
def site(module_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server with both faces that asks for a token."""
    directory = tmp_path_factory.mktemp("site")
    env = {"DATABASE_URL": module_database, "RUNLOG_DATA_DIR": str(directory / "data")}
    env["CELERY_BROKER_URL"] = "redis://127.0.0.1:1/0"
    with serving("--host", "0.0.0.0", env=env, log=directory / "log") as url:  # noqa: S104
        execute(module_database, DEAR_RUN)
        yield Site(url, directory / "data", directory / "log")


def test_the_token_is_made_once_for_its_owner_alone_and_shown(site: Site) -> None:
    assert site.file.stat().st_mode & 0o777 == 0o600
    assert site.log.read_text().count(site.token) == 1
    shown = called("token", RUNLOG_DATA_DIR=str(site.file.parent))
    assert shown.stdout.strip() == site.token


@pytest.mark.parametrize(
    "path", [ENDPOINT, "/api/v1/internal/agents", "/api/v1/internal/audit/findings", "/metrics", "/nowhere"]
)
def test_internal_paths_need_the_token(site: Site, path: str) -> None:
    answer = httpx.get(site.url + path)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert "runlog token" in answer.json()["detail"]
    for wrong in ("", "Bearer", f"Bearer {site.token}x", f"Basic {site.token}", f"Bearer {site.token[:-1]}"):
        assert httpx.get(site.url + path, headers={"Authorization": wrong}).status_code == 401
    admitted = httpx.get(site.url + path, headers={"Authorization": f"bearer {site.token}"})
    assert admitted.status_code == (404 if path == "/nowhere" else 200)


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz/ingest", "/api/v1/public/platform/intelligence"])
def test_the_public_face_and_health_are_open(site: Site, path: str) -> None:
    assert httpx.get(site.url + path).status_code == 200


def test_what_todays_runs_cost_is_not_shown_to_the_public(site: Site) -> None:
    bearer = {"Authorization": f"Bearer {site.token}"}
    assert "$4.50 spent" in httpx.get(site.url + "/", headers=bearer).text
    for wrong in ({}, {"Authorization": "Bearer x"}, {"HX-Request": "true"}):
        assert "$4.50" not in httpx.get(site.url + "/", headers=wrong).text


def test_agents_report_without_it_and_nothing_else_is_changed(site: Site) -> None:
    body = {**RUN, "task_id": "t"}
    for path in REPORTS:
        status = "completed" if path.endswith("tasks") else "success"
        assert httpx.post(site.url + path, json={**body, "status": status}).is_success
    assert httpx.put(f"{site.url}/api/v1/internal/agents/sage", json={}).status_code == 401


def test_a_reader_signs_in_and_out(site: Site) -> None:
    with httpx.Client(base_url=site.url, headers=PAGE) as reader:
        asked = reader.get("/metrics?a=1")
        assert (asked.status_code, asked.headers["location"]) == (303, "/sign-in?next=/metrics%3Fa%3D1")
        assert 'value="/metrics?a=1"' in reader.get(asked.headers["location"]).text
        wrong = reader.post("/sign-in", data={"token": "x", "next": "/metrics"})
        assert (wrong.status_code, "This is not the token" in wrong.text) == (401, True)
        right = reader.post("/sign-in", data={"token": site.token, "next": "/metrics"})
        assert (right.status_code, right.headers["location"]) == (303, "/metrics")
        cookie = right.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "samesite=lax" in cookie.lower()
        assert site.token not in cookie
        assert reader.get("/metrics").status_code == 200
        reader.cookies.set(SESSION_COOKIE, reader.cookies[SESSION_COOKIE].replace(".", "0.", 1))
        assert reader.get("/metrics").status_code == 303
        reader.post("/sign-out")
        assert reader.get("/metrics").status_code == 303


@pytest.mark.parametrize(
    "wanted",
    ["//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)", "\n//evil"],
)
def test_signing_in_leads_to_no_other_site(site: Site, wanted: str) -> None:
    answer = httpx.post(f"{site.url}/sign-in", data={"token": site.token, "next": wanted})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


def test_another_sites_page_cannot_sign_a_reader_in_or_out(site: Site) -> None:
    forged = {"Sec-Fetch-Site": "cross-site"}
    for path in ("/sign-in", "/sign-out"):
        assert httpx.post(site.url + path, data={"token": site.token}, headers=forged).status_code == 403


def test_reports_take_the_token_where_that_is_set_and_commands_send_theirs(
    module_database: str, tmp_path: Path
) -> None:
    env = {
        "DATABASE_URL": module_database,
        "RUNLOG_REPORTS_NEED_TOKEN": "true",
        "RUNLOG_TOKEN": "a-shared-token",
    }
    with serving(env=env, log=tmp_path / "log") as url:
        assert httpx.post(url + ENDPOINT, json=RUN).status_code == 401
        bearer = {"Authorization": "Bearer a-shared-token"}
        assert httpx.post(url + ENDPOINT, json=RUN, headers=bearer).status_code == 204
        assert (
            called("report", "sage", "success", RUNLOG_URL=url, RUNLOG_TOKEN="a-shared-token").returncode == 0
        )
        refused = called("report", "sage", "success", RUNLOG_URL=url)
        assert refused.returncode == 1
        assert "401" in refused.stderr
        assert httpx.get(url + ENDPOINT).status_code == 200


def test_a_stored_token_is_sent_to_no_server_that_was_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    monkeypatch.setenv("RUNLOG_DATA_DIR", str(tmp_path))
    (tmp_path / TOKEN_FILE).write_text("stored\n")
    assert read_token() == "stored"
    monkeypatch.setenv("RUNLOG_URL", "https://elsewhere.example")
    assert read_token() is None
    monkeypatch.setenv("RUNLOG_TOKEN", "given")
    assert read_token() == "given"


def test_another_token_ends_the_old_one(tmp_path: Path) -> None:
    data = {"RUNLOG_DATA_DIR": str(tmp_path)}
    first = called("token", **data).stdout
    assert called("token", **data).stdout == first
    renewed = called("token", "--renew", **data)
    assert called("token", **data).stdout == renewed.stdout != first
    given = called("token", "--renew", RUNLOG_TOKEN="given", RUNLOG_DATA_DIR=str(tmp_path / "none"))
    assert (given.returncode, "RUNLOG_TOKEN" in given.stderr) == (1, True)
