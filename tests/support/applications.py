"""The application as the settings of the moment make it, for tests that change these."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from app.config import get_settings
from app.main import create_app


@asynccontextmanager
async def opened() -> AsyncIterator[httpx.AsyncClient]:
    """A client of a new application that reads the settings now, without a network between.

    The fixture `api` is of one that tests share.
    """
    get_settings.cache_clear()
    app = create_app(get_settings())
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://runlog.test") as client,
    ):
        yield client
