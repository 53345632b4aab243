"""A real browser for the tests of pages."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

# As root a browser needs no sandbox of its own, and none of its own services has a place in a test.
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# The first has no windows to draw and takes a third of the processor time.
_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_ACCESSIBLE = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    # Listing what is well takes as long as finding what is not.
    "resultTypes": ["violations"],
}
HOSTILE = '<img src=x onerror="document.title=1"><script>document.title=2</script> \u202eevil\u200b {{ 7*7 }}'
"""A text that would be seen to work in a page that takes it for more than text."""

Look = tuple[Literal["light", "dark"], int]  # a scheme of colours, and a width in pixels

LOOKS: tuple[Look, ...] = (("light", 1280), ("dark", 360))
"""Colours do not depend on the width, nor the layout on the scheme: each of both is seen once."""

TIMEOUT_MS = 60_000  # for what a page shows in a second where the machine is not busy


@cache
def chromium() -> str | None:
    """The path of a Chromium, installed or Playwright's own; None without one."""
    for name in _NAMES:
        if found := shutil.which(name):
            return found
    with sync_playwright() as playwright:
        own = Path(playwright.chromium.executable_path)
    shells = own.parents[2].glob("chromium_headless_shell-*/*/*headless*shell")
    return next((str(path) for path in (*shells, own) if path.is_file()), None)


@contextmanager
def launched() -> Iterator[Browser]:
    """A headless Chromium. Raises `FileNotFoundError` without one."""
    path = chromium()
    if path is None:
        raise FileNotFoundError("no Chromium is installed: scripts/browser tries to")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


def is_required() -> bool:
    """Whether a missing browser is an error, and no reason to skip."""
    return os.environ.get("RUNLOG_TEST_BROWSER") == "required"


@dataclass
class Visitor:
    """Somebody at a browser: opens pages of `base`, and keeps what went wrong in them."""

    context: BrowserContext
    base: str
    errors: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        """A new tab at `path`."""
        page = self.context.new_page()
        page.on(
            "console", lambda message: self.errors.append(message.text) if message.type == "error" else None
        )
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self._note(request.url))
        page.goto(self.base + path)
        return page

    def _note(self, url: str) -> None:
        if not url.startswith(self.base):
            self.foreign.append(url)


@contextmanager
def visiting(browser: Browser, base: str, **options: Any) -> Iterator[Visitor]:
    """A visitor with a browser profile of their own; in the end no error came and no other host was asked."""
    context = browser.new_context(**options)
    context.set_default_timeout(TIMEOUT_MS)
    visitor = Visitor(context, base)
    try:
        yield visitor
        assert (visitor.errors, visitor.foreign) == ([], [])
    finally:
        context.close()


def problems(page: Page, looks: Sequence[Look] = LOOKS) -> list[str]:
    """What would keep a person from using the page, in each of `looks`: scheme, rule and element.

    What axe-core finds against WCAG 2.2 AA and its best practices, and whether one must scroll sideways. The
    look is changed in the open page: scheme and width are for style sheets alone, no script asks for them.
    """
    page.evaluate(Axe().axe_script)
    found = []
    for scheme, width in looks:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 900})
        violations = page.evaluate(
            "options => axe.run(document, options).then(all => all.violations)", _ACCESSIBLE
        )
        found += [f"{scheme}: {each['id']}: {each['nodes'][0]['html'][:200]}" for each in violations]
        if is_wider_than_window(page):
            found.append(f"{scheme}: wider than {width} pixels")
    return found


def is_wider_than_window(page: Page) -> bool:
    """Whether the page must be scrolled sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth > innerWidth"))
