"""A run that is recorded past FastAPI's routing is answered as FastAPI would answer it."""

import asyncpg
import httpx
import pytest

from app.api.application import Application
from app.api.internal.agent_run_log import PATH
from app.main import create_app
from bad_runs import BAD_RUNS
from conftest import Servers

pytestmark = pytest.mark.anyio

JSON = {"Content-Type": "application/json"}


async def answers(app: Application, **request: object) -> list[httpx.Response]:
    """What the direct endpoint and the documented route answer to the same request."""
    found = []
    for direct in (True, False):
        if not direct:
            app.serve_directly("POST", PATH, None)  # type: ignore[arg-type]
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://runlog.test") as client:
            found.append(await client.post(PATH, **request))  # type: ignore[arg-type]
    return found


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(("body", "place"), BAD_RUNS)
async def test_bad_input_is_answered_alike(body: bytes, place: str) -> None:
    direct, routed = await answers(create_app(), content=body, headers=JSON)
    assert (direct.status_code, direct.json()) == (routed.status_code, routed.json())
    assert direct.headers["X-Request-ID"]


@pytest.mark.parametrize(
    ("headers", "size", "status"),
    [(JSON, 10, 204), (JSON, 2_000_000, 413), ({"Content-Type": "text/plain"}, 10, 422), ({}, 10, 422)],
)
async def test_headers_and_sizes_are_answered_alike(
    db: asyncpg.Connection, headers: dict[str, str], size: int, status: int, servers: Servers
) -> None:
    body = b'{"agent_id": "sage", "status": "success", "actions_taken": {"a": "%s"}}' % (b"x" * size)
    direct, routed = await answers(create_app(), content=body, headers=headers)
    assert direct.status_code == routed.status_code == status
    assert direct.content == routed.content
    assert await db.fetchval("SELECT count(*) FROM agent_run_log") == (2 if status == 204 else 0)
