"""A server with pages, and a browser to look at them."""

import asyncio
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from playwright.sync_api import Browser

from conftest import Execute, Servers
from support.browser import Visitor, chromium, is_required, launched, visiting
from support.processes import Served, served


@pytest.fixture(scope="module")
def site(module_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A running server on a database that the tests of a module share; it has no broker."""
    directory: Path = tmp_path_factory.mktemp("site")
    env = {"DATABASE_URL": module_database, "CELERY_BROKER_URL": "redis://127.0.0.1:1/0"}
    with served(env=env, log=directory / "log") as server:
        yield server


@pytest.fixture(scope="package")
def execute_on_server(servers: Servers) -> Iterator[Execute]:
    """Runs a statement on the server from a thread of its own: Playwright keeps this one's event loop."""
    with ThreadPoolExecutor(1) as thread:
        runner = thread.submit(asyncio.Runner).result()

        def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
            return thread.submit(runner.run, coroutine).result()

        connection = run(asyncpg.connect(servers.postgres_url))
        yield lambda statement: run(connection.execute(statement))
        run(connection.close())
        thread.submit(runner.close).result()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """A Chromium that all tests of pages share; while it runs, Playwright keeps this thread's event loop."""
    if chromium() is None and not is_required():
        pytest.skip("no Chromium is installed: scripts/browser tries to")
    with launched() as running:
        yield running


@pytest.fixture
def visitor(browser: Browser, site: Served) -> Iterator[Visitor]:
    """Somebody who looks at the pages of `site`."""
    with visiting(browser, site.url, timezone_id="Europe/Berlin") as somebody:
        yield somebody
