"""The pages of agents, as they are sent: what is listed, found and refused."""

import json
import re
from datetime import UTC, datetime, timedelta
from html import unescape
from itertools import chain
from urllib.parse import quote

import asyncpg
import httpx
import pytest

from app.config import Settings
from app.main import create_app

pytestmark = pytest.mark.anyio

API = "/api/v1/internal/agents"


async def add_agents(db: asyncpg.Connection, *agents: str, age: timedelta = timedelta()) -> None:
    """Insert a run of each."""
    moment = datetime.now(UTC) - age
    await db.executemany(
        "INSERT INTO agent_run_log (agent_id, created_at) VALUES ($1, $2)",
        [(each, moment) for each in agents],
    )


async def open_finding(db: asyncpg.Connection, rule: str, agent: str, severity: str) -> None:
    """Open a finding of the agent, as of its newest run."""
    await db.execute(
        "INSERT INTO audit_finding (rule, agent_id, message, severity, opened_at, last_run_at)"
        " VALUES ($1, $2, 'it is in trouble', $3, now(), now() + interval '1 minute')",
        rule,
        agent,
        severity,
    )


def listed(page: httpx.Response) -> list[str]:
    """The agents of a list, in order."""
    return [unescape(name) for name in re.findall(r'class="title" href="[^"]+">(?:<bdi>)?([^<]*)', page.text)]


async def test_those_in_trouble_come_first_then_all_others_by_name(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await add_agents(db, "b", "a", "failing", "silent", "Late")
    await open_finding(db, "late", "Late", "low")
    await open_finding(db, "silent_runs", "silent", "high")
    await open_finding(db, "consecutive_failures", "failing", "high")
    await api.put(f"{API}/zeta", json={"display_name": "Alpha"})
    page = await api.get("/agents")
    assert listed(page) == ["failing", "silent", "Late", "a", "Alpha", "b"]
    assert ">silent</span>" in page.text
    assert ">new</span>" in page.text


async def test_what_was_found_of_several_agents_is_shown_of_each(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await add_agents(db, "a", "x", "y")
    moment = datetime.now(UTC).isoformat()
    evidence = {"agents": ["x", "y"], "quiet": [], "returned": {}, "resting": False}
    await db.execute(
        "INSERT INTO audit_finding (rule, agent_id, message, severity, evidence)"
        " VALUES ('agents_missing', 'x', '2 of 3 agents are missing', 'high', $1)",
        json.dumps({**evidence, "since": moment, "expected_until": moment}),
    )
    page = await api.get("/agents")
    assert listed(page) == ["x", "y", "a"]
    assert page.text.count(">missing together</span>") == 2
    for agent, is_member in (("x", True), ("y", True), ("a", False)):
        assert ("2 of 3 agents are missing" in (await api.get(f"/agents/{agent}")).text) is is_member


async def test_a_search_finds_ids_names_and_roles_in_any_case(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await add_agents(db, "sage", "nova", "x")
    await api.put(f"{API}/x", json={"display_name": "Back Office"})
    assert sorted(listed(await api.get("/agents", params={"q": " BACK"}))) == [
        "Back Office",
        "Sage -- Backend",
    ]
    await db.execute("INSERT INTO peer_swarm_heartbeat (agent_id, role) VALUES ('nova', 'Night Watch')")
    await api.put(f"{API}/Ärger", json={})
    assert listed(await api.get("/agents", params={"q": "night watch"})) == ["Nova -- Night Watch"]
    assert listed(await api.get("/agents", params={"q": "Nova -- security"})) == []
    assert listed(await api.get("/agents", params={"q": "äRGER"})) == ["Ärger"]
    assert listed(await api.get("/agents", params={"q": "%"})) == []
    nothing = await api.get("/agents", params={"q": "<nothing>"})
    assert listed(nothing) == []
    assert "&lt;nothing&gt;" in nothing.text


async def test_a_large_fleet_comes_in_pages(api: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    await add_agents(db, *(f"agent-{number:03}" for number in range(120)))
    pages = [listed(await api.get("/agents", params={"page": number})) for number in (1, 2, 3)]
    assert [len(page) for page in pages] == [50, 50, 20]
    assert sorted(chain(*pages)) == [f"agent-{number:03}" for number in range(120)]
    assert listed(await api.get("/agents", params={"page": 9})) == pages[2], (
        "a page that has gone is the last"
    )
    for agent in ("agent-000", "agent-119"):
        await api.put(f"{API}/{agent}", json={"display_name": "One name"})
    await api.put(f"{API}/never-reported", json={})
    last = await api.get("/agents", params={"page": 3})
    assert listed(last)[-3:] == ["never-reported", "One name", "One name"], "of one name, by id"
    assert last.text.index("/agents/agent-000") < last.text.index("/agents/agent-119")
    assert "21 of 121 agents" in last.text


async def test_a_row_follows_every_run_and_declaration(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await add_agents(db, "nova", age=timedelta(hours=5))
    assert ">up</span>" in (await api.get("/agents")).text
    await api.put(f"{API}/nova", json={"schedule": "every 1h", "grace_seconds": 60})
    overdue = (await api.get("/agents")).text
    assert ">down</span>" in overdue
    assert "every 60 min" in overdue or "every 1 h" in overdue
    await add_agents(db, "nova")
    assert ">up</span>" in (await api.get("/agents")).text


@pytest.mark.parametrize(
    "agent",
    [
        "team/a b",
        "a/../b",
        "..",
        ".",
        "preview",
        "a?b#c%2F",
        "é\u2028\n<b>",
        "x" * 255,
        "edit",
        "/",
        "a&amp;\"'",
    ],
)
async def test_every_id_has_a_page_that_its_row_leads_to(
    api: httpx.AsyncClient, db: asyncpg.Connection, agent: str
) -> None:
    await add_agents(db, agent)
    (path,) = re.findall(r'class="title" href="([^"]+)"', (await api.get("/agents")).text)
    page = await api.get(unescape(path))
    assert page.status_code == 200
    (action, *_) = re.findall(r'<form method="post" action="([^"]+)"', page.text)
    sent = await api.post(unescape(action), data={"action": "mute"})
    assert (sent.status_code, sent.headers["Location"]) == (303, unescape(path))
    assert await db.fetchval("SELECT agent_id FROM agent WHERE muted") == agent


@pytest.mark.parametrize("agent", ["unknown", "x" * 256, "\u200b"])
async def test_an_agent_that_is_not_known_has_no_page(api: httpx.AsyncClient, agent: str) -> None:
    path = f"/agents/{quote(agent)}"
    api.headers["Accept"] = "text/html"
    for answer in (
        await api.get(path),
        await api.get(path, params={"show": "remove"}),
        await api.post(path, data={"action": "pause"}),
        await api.post(path, data={"action": "no such"}),
    ):
        assert answer.status_code == 404
        assert answer.headers["Content-Type"].startswith("text/html")


async def test_what_a_form_declares_is_what_the_endpoint_declares(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    fields = {
        "action": "declare",
        "display_name": " Wise ",
        "role": "Ops",
        "schedule": "0 9 * * 1-5",
        "timezone": "Europe/Berlin",
        "grace_seconds": "600",
        "paused_until": "2999-01-01T10:00",
        "muted": "on",
    }
    assert (await api.post("/agents/sage", data=fields)).headers["Location"] == "/agents/sage"
    by_form = await db.fetchrow("SELECT * FROM agent")
    await db.execute("DELETE FROM agent")
    declaration: dict[str, object] = {**fields, "grace_seconds": 600, "muted": True}
    declaration.pop("action")
    assert (await api.put(f"{API}/sage", json=declaration)).status_code == 204
    by_json = await db.fetchrow("SELECT * FROM agent")
    assert {name: value for name, value in by_form.items() if not name.endswith("ed_at")} == {
        name: value for name, value in by_json.items() if not name.endswith("ed_at")
    }
    form = (await api.get("/agents/sage", params={"show": "edit"})).text
    for name, value in fields.items():
        if name not in ("action", "muted"):
            assert f'name="{name}" ' in form
            assert f'value="{value.strip()}"' in form


async def test_a_wrong_form_comes_back_with_what_was_typed(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    fields = {
        "action": "declare",
        "display_name": 'My "<name>"',
        "grace_seconds": "soon",
        "paused_until": "tomorrow",
    }
    answer = await api.post("/agents/sage", data=fields)
    assert answer.status_code == 422
    assert "My &#34;&lt;name&gt;&#34;" in answer.text
    assert re.search(r'id="grace_seconds-error">not a number', answer.text)
    assert re.search(r'id="paused_until-error">not an ISO 8601 time', answer.text)
    schedule = await api.post("/agents/sage", data={"action": "declare", "schedule": "every now and then"})
    assert schedule.status_code == 422
    assert 'value="every now and then"' in schedule.text
    assert re.findall(r'id="(\w+-error)">that is no schedule', schedule.text) == ["schedule-error"]
    zone = await api.post(
        "/agents/sage", data={"action": "declare", "timezone": "Mars", "schedule": "@daily"}
    )
    assert zone.status_code == 422
    assert re.findall(r'id="(\w+-error)">there is no time zone', zone.text) == ["timezone-error"]
    assert await db.fetchval("SELECT count(*) FROM agent") == 0


async def test_a_schedule_is_previewed_without_an_agent(api: httpx.AsyncClient) -> None:
    query = {"schedule": "0 9 * * 1-5", "timezone": "Asia/Tokyo"}
    preview = (await api.get("/agents/preview", params=query)).text
    assert "at 09:00 on Monday through Friday (Asia/Tokyo)" in preview
    assert len(re.findall(r"T00:00:00Z", preview)) == 5
    wrong = (await api.get("/agents/preview", params={"schedule": "<i>", "timezone": ""})).text
    assert "that is no schedule" in wrong
    assert "<i>" not in wrong
    typed = {"action": "preview", "schedule": "@hourly", "display_name": "kept"}
    without_scripts = await api.post("/agents/sage", data=typed)
    assert without_scripts.status_code == 200
    assert 'value="kept"' in without_scripts.text
    assert "at the start of every hour (UTC)" in without_scripts.text


async def test_an_agent_is_paused_for_a_while_and_resumed(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await add_agents(db, "sage")
    await api.post("/agents/sage", data={"action": "pause", "hours": "8"})
    until = await db.fetchval("SELECT paused_until FROM agent")
    assert timedelta(hours=7) < until - datetime.now(UTC) <= timedelta(hours=8)
    assert "Paused until <time" in (await api.get("/agents/sage")).text
    await api.post("/agents/sage", data={"action": "resume"})
    assert ">up</span>" in (await api.get("/agents/sage")).text
    await api.post("/agents/sage", data={"action": "pause"})
    assert "Paused until it is resumed" in (await api.get("/agents/sage")).text


async def test_removing_says_what_follows_and_leads_to_what_is_left(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await add_agents(db, "sage")
    for agent, follows, left in (
        ("sage", "watched by the habit", "/agents/sage"),
        ("new", "no longer listed", "/agents"),
    ):
        await api.put(f"{API}/{agent}", json={"schedule": "@daily"})
        assert follows in (await api.get(f"/agents/{agent}", params={"show": "remove"})).text
        answer = await api.post(f"/agents/{agent}", data={"action": "remove"})
        assert (answer.status_code, answer.headers["Location"]) == (303, left)
    assert await db.fetchval("SELECT count(*) FROM agent") == 0
    assert await db.fetchval("SELECT count(*) FROM agent_run_log") == 1
    assert "nothing to remove" in (await api.get("/agents/sage", params={"show": "remove"})).text


async def test_home_expects_the_next_run_of_its_agents(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await add_agents(db, "sage", age=timedelta(minutes=1))
    await api.put(f"{API}/sage", json={"schedule": "every 1h"})
    home = (await api.get("/")).text
    assert home.count('class="expected" x=') == 1
    assert 'href="/agents/sage"' in home


async def test_the_public_face_has_none_of_it(database: str) -> None:
    app = create_app(Settings(expose="public"))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://runlog.test") as public:
        for path in ("/agents", "/agents/", "/agents/sage", "/agents/preview?schedule=@daily"):
            assert (await public.get(path)).status_code == 404
        assert (await public.post("/agents/sage", data={"action": "mute"})).status_code == 404
        assert "/agents" not in (await public.get("/")).text
