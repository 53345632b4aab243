"""Is it alive, can it work, and the numbers for Prometheus."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import asyncpg
from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from kombu.exceptions import OperationalError
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app import broker
from app.api.fleet_metrics import fleet_exposition
from app.config import get_settings
from app.dashboard.gauges import fleet_gauges
from app.db.problems import SCHEMA_MISSING, problem
from app.db.session import get_database, transaction
from app.errors import ConfigError, SchemaError
from app.logs import get_logger
from app.metrics import exposition
from app.schema.presence import find_missing
from app.wiring import channel_settings

log = get_logger(__name__)

router = APIRouter(tags=["health"])
metrics_router = APIRouter(tags=["health"])

_CHECK_SECONDS = 3.0  # for each check, below the usual timeout of a prober
_PING_SECONDS = 2.0  # for a worker's answer, which leaves a second to connect


class NotReadyError(Exception):
    """A part was reached and cannot do its work; the text says why."""


class Health(BaseModel):
    """The process answers."""

    status: str


class Readiness(BaseModel):
    """Each part's state: `ok`, or why it is not; `reasons` has the latter as sentences."""

    status: str
    checks: dict[str, str]
    reasons: list[str]


_READINESS: dict[str, Any] = {
    "response_model": Readiness,
    "responses": {503: {"model": Readiness, "description": "Something cannot work."}},
}


@router.get("/healthz", summary="The process is alive")
async def get_healthz() -> Health:
    """Uses nothing else, so that an outage elsewhere does not restart this process."""
    return Health(status="ok")


@router.get("/readyz", summary="Runs can be recorded and scored", **_READINESS)
async def get_readyz() -> Response:
    """Asks the database, the broker and the workers now."""
    return await _readiness(database=_ask_database(), broker=_ask_broker(), worker=_ask_workers())


@router.get("/readyz/ingest", summary="Runs can be recorded", **_READINESS)
async def get_ingest_readiness() -> Response:
    """Asks the database now, and nothing that recording runs does not need."""
    return await _readiness(database=_ask_database())


@router.get("/readyz/scoring", summary="Runs can be scored", **_READINESS)
async def get_scoring_readiness() -> Response:
    """Asks the broker and the workers now."""
    return await _readiness(broker=_ask_broker(), worker=_ask_workers())


@metrics_router.get("/metrics", summary="Prometheus metrics", response_class=Response)
async def get_metrics() -> Response:
    """The metrics of every API process of this server, and of the fleet while the database can be read."""
    return Response(exposition() + await _fleet(), media_type=CONTENT_TYPE_LATEST)


async def _fleet() -> bytes:
    try:
        settings = get_settings()
        async with asyncio.timeout(_CHECK_SECONDS), transaction() as session:
            gauges = await fleet_gauges(
                session,
                channel_settings(settings).names,
                settings.judge_daily_budget if settings.judge_is_on else None,
            )
    except (TimeoutError, SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        log.warning("fleet_not_measured", error=str(error) or type(error).__name__)
        return b""
    except ConfigError:
        return b""
    return fleet_exposition(gauges)


async def _readiness(**questions: Coroutine[Any, Any, None]) -> Response:
    states = await asyncio.gather(*map(_check, questions.values()))
    checks = dict(zip(questions, states, strict=True))
    reasons = [f"{name}: {state}" for name, state in checks.items() if state != "ok"]
    body = Readiness(status="not ready" if reasons else "ready", checks=checks, reasons=reasons)
    return JSONResponse(body.model_dump(), status_code=503 if reasons else 200)


async def _check(question: Coroutine[Any, Any, None]) -> str:
    try:
        async with asyncio.timeout(_CHECK_SECONDS):
            await question
    except TimeoutError:
        return f"no answer within {_CHECK_SECONDS:g} s"
    except (ConfigError, NotReadyError, SchemaError) as error:
        return str(error)
    except (SQLAlchemyError, OperationalError, OSError) as error:
        log.warning("not_ready", error=str(error))
        return SCHEMA_MISSING if problem(error) == SCHEMA_MISSING else "cannot be reached"
    return "ok"


async def _ask_database() -> None:
    async with get_database().engine.connect() as connection:
        await connection.execute(text("SELECT 1 FROM agent_run_log LIMIT 1"))
        if missing := await find_missing(connection):
            raise SchemaError(f"{SCHEMA_MISSING} ({', '.join(missing)})")
        read_only = await connection.scalar(text("SELECT current_setting('transaction_read_only')"))
    if read_only != "off":
        raise NotReadyError("is read-only: a standby, or default_transaction_read_only is on")


async def _ask_broker() -> None:
    await asyncio.to_thread(broker.connect, get_settings().require_broker_url(), _CHECK_SECONDS)


async def _ask_workers() -> None:
    url = get_settings().require_broker_url()
    if not await asyncio.to_thread(broker.worker_answers, url, _PING_SECONDS):
        raise NotReadyError("none answers")
