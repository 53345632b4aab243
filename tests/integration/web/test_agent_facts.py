"""An agent's page is computed again when something has changed, and not for each reader."""

from typing import Any
from uuid import UUID

import httpx
import pytest

from app.db.session import transaction
from app.quality.trends import agent_quality
from app.scoring.pipeline import score_runs
from app.scoring.ratings import rate_run
from app.services.agent_run_log_service import write_run_log
from app.web import agent_facts

pytestmark = pytest.mark.anyio

PAGE = "/agents/sage"


async def scored(summary: str) -> UUID:
    """A run with a score."""
    run_id = await write_run_log("sage", {"summary": summary})
    async with transaction() as session:
        await score_runs(session, [run_id])
    return run_id


async def test_it_is_computed_for_a_new_score_or_rating_alone(
    api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed = []

    async def counted(*arguments: Any) -> Any:
        computed.append(arguments)
        return await agent_quality(*arguments)

    monkeypatch.setattr(agent_facts, "agent_quality", counted)
    run_id = await scored("Fixed a leak in session.py")
    pages = [(await api.get(PAGE)).text for _ in range(3)]
    assert len(computed) == 1
    assert all("Of 1 scored run," in page for page in pages)
    await scored("Fixed another leak in pool.py")
    assert "Of 2 scored runs," in (await api.get(PAGE)).text
    async with transaction() as session:
        await rate_run(session, run_id, rater="ann", rating=0.0, comment=None)
    await api.get(PAGE)
    await api.get(PAGE)
    assert len(computed) == 3
