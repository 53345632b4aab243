"""A server with pages, and a browser to look at them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from support.browser import Visitor, chromium, is_required, launched, visiting
from support.processes import Served, served


@pytest.fixture(scope="module")
def site(module_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A running server on a database that the tests of a module share; it has no broker."""
    directory: Path = tmp_path_factory.mktemp("site")
    env = {"DATABASE_URL": module_database, "CELERY_BROKER_URL": "redis://127.0.0.1:1/0"}
    with served(env=env, log=directory / "log") as server:
        yield server


@pytest.fixture(scope="module")
def browser(site: Served) -> Iterator[Browser]:
    """A Chromium that the tests of a module share.

    While it runs, Playwright keeps this thread's event loop: it begins after all that needs one.
    """
    if chromium() is None and not is_required():
        pytest.skip("no Chromium is installed: scripts/browser tries to")
    with launched() as running:
        yield running


@pytest.fixture
def visitor(browser: Browser, site: Served) -> Iterator[Visitor]:
    """Somebody who looks at the pages of `site`."""
    with visiting(browser, site.url, timezone_id="Europe/Berlin") as somebody:
        yield somebody
