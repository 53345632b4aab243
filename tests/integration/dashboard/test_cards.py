"""The public cards come in pages, newest run first, each agent once."""

from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest

pytestmark = pytest.mark.anyio

PATH = "/api/v1/public/platform/intelligence"
AGENTS = 25


async def pages(api: httpx.AsyncClient, limit: int) -> list[dict[str, Any]]:
    """All pages of so many cards."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await api.get(PATH, params={"limit": limit, **cursor})).json()
        found.append(page)
        if page["next_cursor"] is None:
            return found
        cursor = {"cursor": page["next_cursor"]}


@pytest.mark.parametrize("limit", [1, 7, 25, 100])
async def test_every_agent_has_one_card_on_one_page(
    api: httpx.AsyncClient, db: asyncpg.Connection, limit: int
) -> None:
    now = datetime.now(UTC)
    # Agents of one moment, whom their ids tell apart, and such that reported at others.
    await db.executemany(
        "INSERT INTO agent_run_log (agent_id, created_at) VALUES ($1, $2)",
        [
            (f"ä/{number:02}", now - timedelta(hours=number % 3) * (number < 20))
            for number in range(AGENTS)
            for _ in range(2)
        ],
    )
    await db.execute("INSERT INTO agent_run_log (agent_id, created_at) VALUES ('auditor', $1)", now)
    found = await pages(api, limit)
    assert [len(page["events"]) for page in found[:-1]] == [limit] * (len(found) - 1)
    assert {page["events_total"] for page in found} == {AGENTS}
    cards = [card for page in found for card in page["events"]]
    assert len(cards) == AGENTS
    order = [(-datetime.fromisoformat(card["ran_at"]).timestamp(), card["agent_id"]) for card in cards]
    assert order == sorted(order)


async def test_without_a_limit_a_page_has_a_hundred(api: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    await db.executemany("INSERT INTO agent_run_log (agent_id) VALUES ($1)", [(str(n),) for n in range(101)])
    page = (await api.get(PATH)).json()
    assert (len(page["events"]), page["events_total"], page["next_cursor"] is None) == (100, 101, False)


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "cursor=", "cursor=a", "cursor=aAAAA"])
async def test_what_is_no_page_is_refused(api: httpx.AsyncClient, query: str) -> None:
    assert (await api.get(f"{PATH}?{query}")).status_code == 422
