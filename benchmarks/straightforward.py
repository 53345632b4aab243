"""The specification the straightforward way, as a yardstick: a session, a commit and a `.delay` a run."""

import os
from typing import Any, Literal

from celery import Celery
from fastapi import FastAPI, Response
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

from app.db.engine import libpq_url
from app.models import AgentRunLog

broker = Celery("straightforward", broker=os.environ["CELERY_BROKER_URL"])
engine = create_async_engine(
    libpq_url(os.environ["DATABASE_URL"]).replace("postgresql:", "postgresql+asyncpg:"),
    pool_size=20,
    max_overflow=20,
)
new_session = async_sessionmaker(engine, expire_on_commit=False)
app = FastAPI()


class RunIn(BaseModel):
    agent_id: str = Field(min_length=1)
    status: Literal["success", "partial", "failed"]
    actions_taken: dict[str, Any] = {}


@broker.task(name="straightforward.score", ignore_result=True)
def score(run_id: str) -> None:
    pass


@app.post("/api/v1/internal/agent-run-log", status_code=204)
async def create(run: RunIn) -> Response:
    async with new_session() as session:
        row = AgentRunLog(
            agent_id=run.agent_id,
            status=run.status,
            actions_taken=run.actions_taken,
            action_summary=run.actions_taken.get("summary"),
        )
        session.add(row)
        await session.commit()
    score.delay(str(row.id))
    return Response(status_code=204)
