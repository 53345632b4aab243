"""What the web face is made of, without a browser: files, badges, errors, and what it is sent with."""

import gzip
import re
from xml.etree import ElementTree as ET

import asyncpg
import httpx
import pytest
from fastapi.routing import iter_route_contexts

from app.config import Settings
from app.main import create_app

pytestmark = pytest.mark.anyio

REPORTS = "/api/v1/internal/agent-run-log"
PAGE = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


async def report(api: httpx.AsyncClient, agent_id: str) -> None:
    """Record a success."""
    body = {"agent_id": agent_id, "status": "success", "actions_taken": {"summary": "Fixed it"}}
    assert (await api.post(REPORTS, json=body)).status_code == 204


async def judged(db: asyncpg.Connection) -> None:
    """The Auditor has just judged."""
    await db.execute("INSERT INTO audit_cycle (ended_at) VALUES (clock_timestamp())")


async def test_a_page_may_run_no_script_of_an_agent(api: httpx.AsyncClient) -> None:
    answer = await api.get("/")
    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert "frame-ancestors" in policy
    assert not re.search(r"<script(?![^>]*src=)|<style| style=| on\w+=", answer.text)


async def test_files_are_kept_for_good_and_named_by_their_content(api: httpx.AsyncClient) -> None:
    page = (await api.get("/")).text
    for path in set(re.findall(r'"(/static/[^"]+)"', page)):
        answer = await api.get(path)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        other = await api.get(re.sub("/static/[0-9a-f]+", "/static/000000000000", path))
        assert (other.status_code, other.headers["cache-control"]) == (200, "no-store")
    for path in (
        "/static/x/nothing.js",
        "/static/x/../main.py",
        "/static/x/vendor",
        "/static/x/%2e%2e/home.py",
    ):
        assert (await api.get(path)).status_code == 404


async def test_the_first_load_is_light(api: httpx.AsyncClient) -> None:
    for number in range(50):
        await report(api, f"agent-{number}")
    page = await api.get("/")
    assert page.headers["content-encoding"] == "gzip"
    sizes = [len(gzip.compress(page.content))]
    scripts = 0
    for path in set(re.findall(r'(?:src|href|data-stream)="(/static/[^"]+)"', page.text)):
        size = len(gzip.compress((await api.get(path)).content))
        sizes.append(size)
        scripts += size if path.endswith(".js") else 0
    assert sum(sizes) < 60_000
    assert scripts < 25_000


async def test_what_a_reader_has_is_not_sent_again(api: httpx.AsyncClient) -> None:
    first = await api.get("/badge/fleet.svg")
    again = await api.get("/badge/fleet.svg", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_badges_say_how_an_agent_and_the_fleet_are(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    async def badge(path: str) -> str:
        answer = await api.get(f"/badge/{path}.svg")
        assert answer.headers["content-type"] == "image/svg+xml"
        return ET.fromstring(answer.text).attrib["aria-label"]  # noqa: S314

    assert await badge("fleet") == "agents: no agent yet"
    await report(api, "sage")
    assert (await badge("sage"), await badge("fleet")) == ("Sage: not judged", "agents: unknown")
    await judged(db)
    assert (await badge("sage"), await badge("fleet")) == ("Sage: fine", "agents: 1 of 1 fine")
    await db.execute(
        "INSERT INTO audit_finding (rule, agent_id, message, severity)"
        " VALUES ('silent_runs', 'sage', '', 'high')"
    )
    assert (await badge("sage"), await badge("fleet")) == ("Sage: silent", "agents: 0 of 1 fine")
    await api.put("/api/v1/internal/agents/sage", json={"paused": True})
    assert await badge("sage") == "Sage: paused"
    await api.put("/api/v1/internal/agents/new/one", json={"display_name": "<b>&\u202e"})
    assert await badge("new/one") == "<b>&\ufffd: no run yet"
    assert (await api.get("/badge/nobody.svg")).status_code == 404


async def test_a_browser_gets_a_page_for_an_error_and_a_program_json(api: httpx.AsyncClient) -> None:
    page = await api.get("/nowhere", headers=PAGE)
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "<h1>Not Found</h1>" in page.text
    assert (await api.get("/nowhere")).json() == {"detail": "Not Found"}
    assert (await api.get("/api/v1/internal/nowhere", headers=PAGE)).json() == {"detail": "Not Found"}


async def test_the_reference_is_served_from_here(api: httpx.AsyncClient) -> None:
    page = await api.get("/docs")
    assert page.status_code == 200
    assert "//" not in re.sub(r'<!doctype html>|"/static/[^"]*"', "", page.text).replace("</", "")
    assert (await api.get("/redoc")).headers["location"] == "/docs"


async def test_the_public_face_has_none_of_the_internal_paths(database: str) -> None:
    """Every path of the internal face but those of both is 404 there, whatever the method."""
    apps = {face: create_app(Settings(expose=face)) for face in ("public", "internal")}
    paths = {face: {route.path for route in iter_route_contexts(app.routes)} for face, app in apps.items()}
    alone = paths["internal"] - paths["public"]
    assert {"/runs", "/agents", "/audit", "/review", "/swarm", "/day", "/sign-in", "/metrics"} <= alone
    transport = httpx.ASGITransport(apps["public"])
    async with httpx.AsyncClient(transport=transport, base_url="http://runlog.test") as client:
        for path in alone:
            filled = re.sub(r"\{[^}]*\}", "00000000-0000-4000-8000-000000000000", path)
            for method in ("GET", "POST", "PUT", "DELETE"):
                assert (await client.request(method, filled)).status_code == 404, (method, filled)
