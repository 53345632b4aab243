"""Is it alive, and can it work."""

import httpx
import pytest

from app.config import get_settings
from support.brokers import Broker

pytestmark = pytest.mark.anyio


async def test_ready_with_database_and_broker(broker: Broker, api: httpx.AsyncClient) -> None:
    response = await api.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {"status": "ready", "checks": {"database": "ok", "broker": "ok"}}


async def test_not_ready_without_a_broker_says_which_setting_is_missing(api: httpx.AsyncClient) -> None:
    response = await api.get("/readyz")
    assert response.status_code == 503
    checks = response.json()["checks"]
    assert checks["database"] == "ok"
    assert "CELERY_BROKER_URL is not set" in checks["broker"]


async def test_not_ready_where_the_database_refuses_us(
    broker: Broker, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database.replace("://", "://nobody-", 1))
    get_settings.cache_clear()
    from app.main import create_app

    app = create_app()
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://runlog.test") as client,
    ):
        response = await client.get("/readyz")
        alive = await client.get("/healthz")
    assert response.status_code == 503
    assert response.json()["checks"] == {"database": "cannot be reached", "broker": "ok"}
    assert alive.status_code == 200
