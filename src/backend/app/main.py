"""The web application."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.telemetry import TelemetryConfig

from app.api import health
from app.api.access import AccessGuard
from app.api.application import Application
from app.api.browser_guard import BrowserGuard
from app.api.connection import STOPPING
from app.api.errors import install_error_handlers
from app.api.internal import (
    agent_cloud,
    agent_run_log,
    agent_run_start,
    agents,
    agreement,
    alerts,
    audit,
    hermes,
    openclaw,
    otlp,
    peer_swarm,
    proof,
    quality,
    ratings,
    review,
    witnesses,
)
from app.api.reads import ReadsApart, close_readers
from app.api.request_context import RequestContext
from app.api.v1.endpoints import log, platform_intelligence
from app.config import Settings, get_settings
from app.db.replica import close_replica
from app.db.session import close_database
from app.logs import configure_logging
from app.runs.dispatch import close_dispatcher
from app.runs.writer import close_writer
from app.tracing import start_tracing, stop_tracing
from app.web import agent as agent_page
from app.web import agents as agents_page
from app.web import assets, badges, home, live, reference, run, runs, sign_in
from app.web import audit as audit_page
from app.web import day as day_page
from app.web import review as review_page
from app.web import swarm as swarm_page
from app.web.errors import ErrorPages
from app.wiring import witness_keys

INTERNAL = (
    agent_run_log.router,
    agent_run_log.ids_router,
    proof.router,
    witnesses.router,
    agent_run_start.router,
    otlp.router,
    ratings.router,
    peer_swarm.router,
    agent_cloud.router,
    openclaw.router,
    hermes.router,
    quality.router,  # before the agents, whose ids may hold slashes
    agents.router,
    audit.router,
    alerts.router,
    agreement.router,
    review.router,
    health.metrics_router,
    sign_in.router,
)
COMMON = (live.router, assets.router, reference.router)
PUBLIC = (platform_intelligence.router, log.router, badges.router)
PAGES: dict[str, tuple[APIRouter, ...]] = {
    "internal": (
        runs.router,
        run.router,
        agents_page.router,
        agent_page.router,
        audit_page.router,
        review_page.router,
        swarm_page.router,
        day_page.router,
    ),
    "public": (home.router,),
}
ROUTERS = {
    "all": (*INTERNAL, *PUBLIC, *COMMON),
    "internal": (*INTERNAL, *COMMON),
    "public": (*PUBLIC, *COMMON),
}


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application with the faces that `settings.expose` names."""
    settings = settings or get_settings()
    configure_logging(settings)
    witness_keys(settings)  # what is wrong with them ends the start, and no request
    app = Application(
        title="Agent Run Log",
        version=version("agent-run-log"),
        summary="The system of record for fleets of scheduled AI agents.",
        lifespan=_lifespan,
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
        telemetry=_telemetry(settings),
    )
    app.state.expose = settings.expose
    app.state.home_cache = home.HomeCache()
    # The last one added is the first to see a request.
    app.add_middleware(ReadsApart)
    if settings.expose != "public":
        token = settings.token.get_secret_value() if settings.token else None
        app.add_middleware(
            AccessGuard,
            token,
            reports_need_token=settings.reports_need_token,
            openclaw_has_token=settings.openclaw_token is not None,
            hermes_has_secret=settings.hermes_secret is not None,
        )
    app.add_middleware(BrowserGuard, settings.allowed_hosts, checks_host=settings.expose != "public")
    app.add_middleware(ErrorPages)
    app.add_middleware(RequestContext)
    install_error_handlers(app)
    app.include_router(health.router)
    for router in ROUTERS[settings.expose]:
        app.include_router(router)
    for face in PAGES if settings.expose == "all" else (settings.expose,):
        for page in PAGES[face]:
            app.include_router(page, dependencies=[Depends(live.note_versions)])
    return app


def _telemetry(settings: Settings) -> TelemetryConfig:
    """Spans of what changes something: probes, scrapes and pages that stay open would drown it."""
    provider = start_tracing(settings)
    return {
        "tracing": provider is not None,
        "tracer_provider": provider,
        "metrics": False,
        "logs": False,
        "operation_spans": False,
        "exclude": lambda scope: scope.get("method") in ("GET", "HEAD", "OPTIONS"),
    }


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
    upkeep = openclaw.Upkeep() if app.state.expose != "public" else None
    yield {STOPPING: asyncio.Event()}
    if upkeep is not None:
        await upkeep.close()
    await live.close_watcher()
    await close_readers()
    # In the order of the way of a run: answer what was accepted, hand it on, then hang up.
    await close_writer()
    await close_dispatcher()
    await close_replica()
    await close_database()
    await asyncio.to_thread(stop_tracing)
