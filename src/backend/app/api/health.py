"""Is it alive, can it work, and the numbers for Prometheus."""

import asyncio
from typing import Any

import asyncpg
from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from kombu.connection import Connection
from kombu.exceptions import OperationalError
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.api.fleet_metrics import fleet_exposition
from app.broker import celery_settings
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


class Health(BaseModel):
    """The process answers."""

    status: str


class Readiness(BaseModel):
    """Each part's state: `ok`, or why it is not."""

    status: str
    checks: dict[str, str]


@router.get("/healthz", summary="The process is alive")
async def get_healthz() -> Health:
    """Uses nothing else, so that an outage elsewhere does not restart this process."""
    return Health(status="ok")


@router.get(
    "/readyz",
    summary="Database and broker can be reached",
    response_model=Readiness,
    responses={503: {"model": Readiness, "description": "Something cannot be reached."}},
)
async def get_readyz() -> Response:
    """Asks the database and the broker now."""
    database, broker = await asyncio.gather(_check(_ask_database()), _check(_ask_broker()))
    ready = database == broker == "ok"
    body = Readiness(
        status="ready" if ready else "not ready", checks={"database": database, "broker": broker}
    )
    return JSONResponse(body.model_dump(), status_code=200 if ready else 503)


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


async def _check(question: Any) -> str:
    try:
        async with asyncio.timeout(_CHECK_SECONDS):
            await question
    except TimeoutError:
        return f"no answer within {_CHECK_SECONDS:g} seconds"
    except (ConfigError, SchemaError) as error:
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


async def _ask_broker() -> None:
    options = celery_settings(get_settings().require_broker_url())
    await asyncio.to_thread(_connect, options)


def _connect(options: dict[str, Any]) -> None:
    with Connection(
        options["broker_url"],
        connect_timeout=options["broker_connection_timeout"],
        transport_options=options["broker_transport_options"],
    ) as connection:
        connection.ensure_connection(max_retries=1, timeout=_CHECK_SECONDS)
