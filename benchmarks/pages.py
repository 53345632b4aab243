"""The pages in a browser: how light, how soon, how fresh, and what open ones cost.

    .venv/bin/python benchmarks/pages.py [--runs 10000000] [--streams 200] [--json]

1. The first load of `/` in Chromium with an empty cache: bytes as sent, of scripts too, first paint
   and layout shift, of 50 agents and of 10,000, beside the time in which the server makes the page.
2. The time in which the server makes each of the pages, and the JSON of the first one, of 50 agents with so
   many runs: the first time, which finds caches empty, and at the median. The runs of the last hour wait for
   their scores.
3. From the answer to a report until an open page shows it.
4. With so many readers who keep a page open as `live.js` does: processor time of the server while nothing
   happens, and how many reports it takes a second, in turn with none.

Figures of a browser that shares the processors with the server; quote the ratios of the last part.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from statistics import median, quantiles

import httpx
import psutil
from harness import RUNLOG, Figures, Servers, load, machine, postgres_tool, running, servers, table
from playwright.sync_api import Browser
from reads import fill

from app.embedded.ports import free_port

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from support.browser import launched

REPORTS = "/api/v1/internal/agent-run-log"
COLUMNS = {
    "server p50 ms": ".1f",
    "first load kB": ".1f",
    "scripts kB": ".1f",
    "page kB": ".1f",
    "first paint ms": ".0f",
    "layout shift": ".3f",
    "shown p50 ms": ".0f",
    "shown p95 ms": ".0f",
}
PAGES = (
    *("/", "/runs", "/runs?agent_id=agent-20&status=failed", "/runs?q=pool", "/agents", "/agents/agent-20"),
    *("/audit", "/review", "/swarm", "/day", "/api/v1/public/platform/intelligence"),
)
WIDE_FLEET_RUNS = 200_000
"""Of the 10,000 agents, twenty each."""

PAGE_COLUMNS = {"first ms": ".0f", "p50 ms": ".1f", "p95 ms": ".1f", "kB": ".1f"}
OPEN_COLUMNS = {"idle % of a core": ".1f", "runs/s without": ".0f", "runs/s with": ".0f", "ratio": ".3f"}
MEASURED = """() => {
    const sent = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
    const size = (found) => found.reduce((sum, each) => sum + each.encodedBodySize, 0);
    const shifts = performance.getEntriesByType("layout-shift");
    return {
        "first load kB": size(sent) / 1000,
        "scripts kB": size(sent.filter((each) => each.name.endsWith(".js"))) / 1000,
        "page kB": sent[0].encodedBodySize / 1000,
        "first paint ms": performance.getEntriesByName("first-contentful-paint")[0].startTime,
        "layout shift": window.shifted,
    };
}"""
WATCH_SHIFTS = """window.shifted = 0;
new PerformanceObserver((list) => { for (const each of list.getEntries()) window.shifted += each.value; })
    .observe({ type: "layout-shift", buffered: true });"""


@contextmanager
def site(found: Servers, name: str, runs: int, agents: int) -> Iterator[tuple[str, int, psutil.Process]]:
    """A server on a filled database: its URL, port and process."""
    postgres_tool("psql", found.env["DATABASE_URL"], "-qc", f"CREATE DATABASE {name}")
    asyncio.run(fill(found.database(name), runs, agents))
    port = free_port()
    env = {**found.env, "DATABASE_URL": found.database(name), "RUNLOG_LOG_LEVEL": "warning"}
    with running([*RUNLOG, "serve", "--port", str(port)], env, port) as process:
        yield f"http://127.0.0.1:{port}", port, psutil.Process(process.pid)


def server_times(url: str, rounds: int = 60) -> Figures:
    """Milliseconds in which the server answers with the page, and its size as sent."""
    with httpx.Client(follow_redirects=True, timeout=60) as client:
        took = []
        for _ in range(rounds):
            started = time.perf_counter()
            answer = client.get(url).raise_for_status()
            took.append(1000 * (time.perf_counter() - started))
    size = answer.num_bytes_downloaded / 1000
    return {
        "first ms": took[0],
        "p50 ms": median(took[5:]),
        "p95 ms": quantiles(took[5:], n=20)[18],
        "kB": size,
    }


def newest_run(url: str) -> str:
    """The path of the page of the newest run."""
    (run,) = httpx.get(url + REPORTS, params={"limit": 1}).json()["runs"]
    return f"/runs/{run['id']}"


def first_load(browser: Browser, url: str, rounds: int = 7) -> Figures:
    """What the browser says of the page with an empty cache, at the median."""
    found: list[Figures] = []
    for _ in range(rounds):
        context = browser.new_context()
        page = context.new_page()
        page.add_init_script(WATCH_SHIFTS)
        page.goto(url, wait_until="load")
        page.wait_for_timeout(1500)
        found.append(page.evaluate(MEASURED))
        context.close()
    return {name: median(each[name] for each in found) for name in found[0]}


def freshness(browser: Browser, url: str, rounds: int = 40) -> Figures:
    """Milliseconds from the answer to a report until the page shows it."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(url)
    page.locator("#live[data-state=live]").wait_for()
    took = []
    for number in range(rounds):
        summary = f"Number {number} of those that are timed"
        body = {"agent_id": "agent-20", "status": "success", "actions_taken": {"summary": summary}}
        page.wait_for_timeout(1300 + 37 * number)  # not in step with the looks for changes
        httpx.post(url + REPORTS, json=body).raise_for_status()
        started = time.perf_counter()
        page.get_by_text(summary, exact=True).wait_for()
        took.append(1000 * (time.perf_counter() - started))
    context.close()
    return {"shown p50 ms": median(took), "shown p95 ms": quantiles(took, n=20)[18]}


@asynccontextmanager
async def readers(url: str, count: int) -> AsyncIterator[None]:
    """So many open pages, each of which loads its main part as `live.js` does."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=url, timeout=httpx.Timeout(None), limits=limits) as client:
        tasks = [asyncio.create_task(_read(client)) for _ in range(count)]
        await asyncio.sleep(3)
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _read(client: httpx.AsyncClient) -> None:
    loaded, seen = 0.0, None
    async with client.stream("GET", "/live") as answer:
        async for line in answer.aiter_lines():
            if not line.startswith("data: "):
                continue
            state = json.loads(line[len("data: ") :])
            if state["versions"] != seen and time.monotonic() - loaded >= state["pace"]:
                await client.get("/", headers={"HX-Request": "true"})
                loaded, seen = time.monotonic(), state["versions"]


async def open_pages(url: str, port: int, server: psutil.Process, count: int, rounds: int = 3) -> Figures:
    """What `count` open pages take of a processor, and of the reports that the server can take."""
    async with readers(url, count):
        before, started = sum(server.cpu_times()[:2]), time.monotonic()
        await asyncio.sleep(20)
        idle = 100 * (sum(server.cpu_times()[:2]) - before) / (time.monotonic() - started)
    without, beside = [], []
    for _ in range(rounds):
        without.append((await asyncio.to_thread(load, port, 32, 6))["rate"])
        async with readers(url, count):
            beside.append((await asyncio.to_thread(load, port, 32, 6))["rate"])
    ratio = median(beside) / median(without)
    return {
        "idle % of a core": idle,
        "runs/s without": median(without),
        "runs/s with": median(beside),
        "ratio": ratio,
    }


def measure(runs: int, streams: int) -> list[dict[str, Figures]]:
    """The figures of each fleet, of each page, and of the open pages."""
    pages: dict[str, Figures] = {}
    with servers() as found:
        for agents, of_fleet in ((50, runs), (10_000, WIDE_FLEET_RUNS)):
            name = f"{agents:,} agents"
            with site(found, f"fleet_{agents}", of_fleet, agents) as (url, port, server):
                if agents == 50:
                    each = {path: server_times(url + path) for path in (*PAGES, newest_run(url))}
                pages[name] = {"server p50 ms": server_times(url + "/")["p50 ms"]}
                with launched() as browser:
                    pages[name] |= first_load(browser, url) | freshness(browser, url)
                if agents == 50:
                    opened = {f"{streams} open pages": asyncio.run(open_pages(url, port, server, streams))}
    return [pages, each, opened]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--runs", type=int, default=200_000, help="of the 50 agents; 10 million take some minutes"
    )
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    pages, each, opened = measure(arguments.runs, arguments.streams)
    if arguments.json:
        print(json.dumps({"machine": machine(), "fleets": pages, "pages": each, "open": opened}))
    else:
        print(table(pages, COLUMNS), table(each, PAGE_COLUMNS), table(opened, OPEN_COLUMNS), sep="\n\n")


if __name__ == "__main__":
    main()
