"""What agents write can be anything: no page runs it, breaks by it, or becomes wider than its window."""

import itertools
import re
from typing import Any

import httpx
from playwright.sync_api import Browser, expect

from support.browser import TIMEOUT_MS, is_wider_than_window, visiting
from support.pages import REPORTS
from support.processes import Served

expect.set_options(timeout=TIMEOUT_MS)

RUNS_CODE = "window.executed = true"
MARKUP = (
    f"<script>{RUNS_CODE}</script>",
    f'<img src=x onerror="{RUNS_CODE}">',
    f'"><svg onload={RUNS_CODE}>',
    f"</title></head></main></table><body onload='{RUNS_CODE}'>",
    f"javascript:{RUNS_CODE}",
    f"<a href=\"javascript:{RUNS_CODE}\">click</a><iframe srcdoc='<script>{RUNS_CODE}</script>'>",
    "<!-- <style>body{display:none}</style> <plaintext>",
    "{{ 7*7 }}{% raw %}${7*7}<%= 7*7 %>",
    '<div hx-get="/" hx-trigger="load" data-hx-on:load="1" hx-swap-oob="true" id="main">',
    "&lt;&amp;&#x3C;script&#x3E; \\u003cscript\\u003e %3Cscript%3E",
)
TEXTS = (
    "\u202e\u2066gnp.exe\u200b\u200f",
    "\x9b31m\x1b]8;;http://evil.test\x07link\x1b]8;;\x07",
    "Z\u0351\u0352\u0353" * 400,
    "\ufdfa" * 2000,
    "W" * 20_000,
    "\U0001f468\u200d\U0001f469\u200d\U0001f467" * 50,
)


def nested(levels: int) -> dict[str, Any]:
    """An object in an object, so many levels deep."""
    value: dict[str, Any] = {MARKUP[0]: MARKUP[1]}
    for _ in range(levels - 1):
        value = {MARKUP[2]: value}
    return value


SHAPES: tuple[dict[str, Any], ...] = (
    {"long": "A" * 1_000_000},
    {"deep": nested(90)},
    {f"{MARKUP[0]}{number}": number for number in range(5000)},
    {"list": [MARKUP[number % len(MARKUP)] for number in range(5000)]},
    {"": {"__proto__": {"x": 1}, "constructor": None, "toString": MARKUP[0]}},
    {"number": int("9" * 300), "small": 1e-300, "true": True, "none": None},
)
PAYLOADS: tuple[dict[str, Any], ...] = (
    *({"summary": markup, markup: [{markup: markup}]} for markup in MARKUP),
    *({"summary": text, text: text} for text in TEXTS),
    *({"summary": f"{a} {b}", "at": {a: b}} for a, b in itertools.permutations(MARKUP, 2)),
    *({"summary": MARKUP[number], **shape} for number, shape in enumerate(SHAPES)),
)
PAGES = ("/", "/runs", "/agents", "/audit", "/review?rater=me", "/swarm", "/day")


def post(site: Served, number: int, payload: dict[str, Any]) -> str:
    """Record a hostile run of a hostile agent; returns its id."""
    agent = f"{(*MARKUP, *TEXTS[:2])[number % 12][:120]}/{number % 12}"
    status = ("success", "failed", "partial")[number % 3]
    body = {"agent_id": agent, "status": status, "actions_taken": payload}
    answer = httpx.post(site.url + REPORTS, json=body, timeout=60)
    assert answer.status_code == 204, answer.text
    return answer.headers["Run-Id"]


def test_a_hundred_hostile_reports_execute_and_break_nothing(browser: Browser, site: Served) -> None:
    assert len(PAYLOADS) > 100
    runs = [post(site, number, payload) for number, payload in enumerate(PAYLOADS)]
    with httpx.Client(base_url=site.url, timeout=60) as client:
        for run_id in runs:
            page = client.get(f"/runs/{run_id}")
            assert page.status_code == 200
            assert len(page.content) < 600_000
            main = page.text[page.text.index("<main") : page.text.index("</main>")]
            assert not re.search(r"<(script|img|iframe|style|plaintext|svg onload)", main)
    looked_at = runs[:16] + runs[-len(SHAPES) :]
    with visiting(browser, site.url, viewport={"width": 390, "height": 800}) as visitor:
        page = visitor.open("/")
        for path in (*PAGES, *(f"/runs/{run_id}" for run_id in looked_at)):
            page.goto(site.url + path)
            expect(page.locator("footer")).to_be_visible()
            assert page.evaluate("window.executed") is None, path
            assert page.title().endswith("· Agent Run Log"), path
            assert not is_wider_than_window(page), path
