"""Reading the log over HTTP: filters, pages and single runs."""

import asyncio
import json
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.runs.listing import PAGE_BYTES

pytestmark = pytest.mark.anyio

ENDPOINT = "/api/v1/internal/agent-run-log"
IDS = "/api/v1/internal/run-ids"
COLUMNS = {
    *("id", "agent_id", "run_at", "action_summary", "actions_taken"),
    *("status", "consecutive_silence_count", "rlhf_scores", "created_at"),
}


async def report(
    api: httpx.AsyncClient, agent: str = "sage", status: str = "success", **actions: Any
) -> None:
    """Record a run."""
    answer = await api.post(ENDPOINT, json={"agent_id": agent, "status": status, "actions_taken": actions})
    assert answer.status_code == 204


async def runs(api: httpx.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    """The runs of one page."""
    answer = await api.get(ENDPOINT, params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["runs"]
    return found


async def numbers(api: httpx.AsyncClient, **query: Any) -> list[int]:
    """The `n` of every run of one page."""
    return [run["actions_taken"]["n"] for run in await runs(api, **query)]


async def test_an_empty_log_is_an_empty_page(api: httpx.AsyncClient) -> None:
    assert (await api.get(ENDPOINT)).json() == {"runs": [], "next_cursor": None}


async def test_a_run_shows_every_column_as_it_is_stored(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await report(api, n=1, summary="Did a thing")
    (run,) = await runs(api)
    assert set(run) == COLUMNS
    row = await db.fetchrow("SELECT * FROM agent_run_log")
    assert UUID(run["id"]) == row["id"]
    assert (run["agent_id"], run["status"], run["action_summary"]) == ("sage", "success", "Did a thing")
    assert run["actions_taken"] == {"n": 1, "summary": "Did a thing"}
    assert run["rlhf_scores"] is None
    assert run["created_at"] == row["created_at"].isoformat().replace("+00:00", "Z")
    alone = (await api.get(f"{ENDPOINT}/{run['id']}")).json()
    reported = {"started_at": None, "finished_at": None, "sources": []}
    assert alone == run | reported | {"scoring": {"state": "queued"}, "scores": []}


async def test_a_run_is_found_by_the_beginning_of_its_id(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    ids = [f"abcdef01-0000-4000-8000-00000000000{last}" for last in "12"]
    for run_id in ids:
        await db.execute("INSERT INTO agent_run_log (id, agent_id) VALUES ($1, 'sage')", run_id)
    for whole in (ids[0], ids[0].upper(), ids[0].replace("-", "")):
        assert (await api.get(f"{IDS}/{whole}")).json() == {"id": ids[0]}
    for beginning, words in (("abcdef", "several runs' ids begin with abcdef: abcd"), ("99", "no run's id")):
        answer = await api.get(f"{IDS}/{beginning}")
        assert (answer.status_code, words in answer.json()["detail"]) == (404, True)
    for wrong in ("-a", "xyz", "a" * 40, "%00"):
        assert (await api.get(f"{IDS}/{wrong}")).status_code == 422


async def test_filters_combine(api: httpx.AsyncClient) -> None:
    for n, (agent, status) in enumerate(
        [("sage", "success"), ("nova", "failed"), ("sage", "failed"), ("sage", "partial")]
    ):
        await report(api, agent, status, n=n)
    assert await numbers(api) == [3, 2, 1, 0]
    assert await numbers(api, agent_id="sage") == [3, 2, 0]
    assert await numbers(api, agent_id="sag") == []
    assert await numbers(api, status="failed") == [2, 1]
    assert await numbers(api, agent_id="sage", status="failed") == [2]
    assert await numbers(api, limit=2) == [3, 2]


async def test_since_is_inclusive_and_until_is_not(api: httpx.AsyncClient) -> None:
    for n in range(4):
        await report(api, n=n)
    moments = [run["created_at"] for run in reversed(await runs(api))]
    assert await numbers(api, since=moments[2]) == [3, 2]
    assert await numbers(api, until=moments[2]) == [1, 0]
    assert await numbers(api, since=moments[1], until=moments[3]) == [2, 1]
    assert await numbers(api, since=moments[2].replace("Z", "")) == [3, 2]
    assert await numbers(api, since=moments[3], until=moments[0]) == []


SEARCHES = (
    ("leak", [0]),
    ("LEAK", [0]),
    ("session.py", [0]),
    ("50%", [1]),
    ("5_%", []),
    ("a_b", [2]),
    ("back\\\\slash", [3]),
    ("größe", [4]),
    ("files", [0]),
    ("%", [1]),
    ("'; DROP TABLE agent_run_log; --", []),
)


async def test_q_is_searched_literally_in_the_report(
    api: httpx.AsyncClient, subtests: pytest.Subtests
) -> None:
    await report(api, n=0, summary="Fixed a leak", files=["db/session.py"])
    await report(api, n=1, summary="Halved it to 50%")
    await report(api, n=2, summary="renamed a_b, not axb")
    await report(api, n=3, note="back\\slash")
    await report(api, n=4, summary="Größe geändert")
    for q, found in SEARCHES:
        with subtests.test(q):
            assert sorted(await numbers(api, q=q)) == found


async def test_pages_neither_repeat_nor_skip_while_runs_come_in(api: httpx.AsyncClient) -> None:
    for n in range(25):
        await report(api, f"agent-{n % 3}", n=n)
    seen: list[int] = []
    cursor = None
    while cursor is not None or not seen:
        answer = await api.get(ENDPOINT, params={"limit": 4} | ({"cursor": cursor} if cursor else {}))
        seen += [run["actions_taken"]["n"] for run in answer.json()["runs"]]
        cursor = answer.json()["next_cursor"]
        await asyncio.gather(*(report(api, f"agent-{n}", n=100 + n) for n in range(3)))
    assert seen == list(range(24, -1, -1))


async def test_a_page_of_long_reports_ends_sooner(api: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    await db.execute(
        """
        INSERT INTO agent_run_log (agent_id, created_at, actions_taken)
        SELECT 'sage', now() - n * interval '1 minute', jsonb_build_object('n', n, 'log', repeat('x', $1))
        FROM generate_series(1, 9) AS n
        """,
        PAGE_BYTES // 3,
    )
    seen, cursor = [], None
    for _ in range(3):
        page = (await api.get(ENDPOINT, params={"cursor": cursor} if cursor else {})).json()
        seen += [run["actions_taken"]["n"] for run in page["runs"]]
        assert len(page["runs"]) == 3
        cursor = page["next_cursor"]
    assert (seen, cursor) == (list(range(1, 10)), None)


async def test_long_reports_and_results_are_shown_among_short_ones(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await db.execute(
        """
        INSERT INTO agent_run_log (agent_id, created_at, action_summary, actions_taken, rlhf_scores)
        SELECT 'sage', now() - n * interval '1 minute', repeat('s', CASE WHEN n % 4 = 1 THEN $1 ELSE n END),
            jsonb_build_object('log', repeat('x', CASE WHEN n % 4 = 2 THEN $1 ELSE n END)),
            jsonb_build_object('overall', 1, 'note', repeat('y', CASE WHEN n % 4 = 3 THEN $1 ELSE n END))
        FROM generate_series(1, 12) AS n
        """,
        PAGE_BYTES // 20,
    )
    rows = await db.fetch("SELECT * FROM agent_run_log ORDER BY created_at DESC")
    for query in ({}, {"agent_id": "sage"}):
        runs = (await api.get(ENDPOINT, params=query)).json()["runs"]
        assert [(run["id"], run["action_summary"]) for run in runs] == [
            (str(row["id"]), row["action_summary"]) for row in rows
        ]
        assert [run["actions_taken"] for run in runs] == [json.loads(row["actions_taken"]) for row in rows]
        assert [run["rlhf_scores"] for run in runs] == [json.loads(row["rlhf_scores"]) for row in rows]


async def test_runs_of_one_moment_are_paged_too(api: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    await db.execute(
        "INSERT INTO agent_run_log (agent_id) SELECT 'agent-' || n FROM generate_series(1, 7) AS n"
    )
    first = (await api.get(ENDPOINT, params={"limit": 3})).json()
    second = (await api.get(ENDPOINT, params={"limit": 3, "cursor": first["next_cursor"]})).json()
    third = (await api.get(ENDPOINT, params={"limit": 3, "cursor": second["next_cursor"]})).json()
    assert third["next_cursor"] is None
    assert len({run["id"] for page in (first, second, third) for run in page["runs"]}) == 7


async def test_the_last_full_page_has_no_cursor(api: httpx.AsyncClient) -> None:
    for n in range(3):
        await report(api, n=n)
    assert (await api.get(ENDPOINT, params={"limit": 3})).json()["next_cursor"] is None
    assert (await api.get(ENDPOINT, params={"limit": 2})).json()["next_cursor"]


BAD_QUERIES = (
    *("cursor=", "cursor=x", "cursor=AAAA", "cursor=%00", "cursor=" + "A" * 5000),
    *("limit=0", "limit=-1", "limit=1001", "limit=x", "limit=1e3", "limit=" + "9" * 5000),
    *("status=completed", "status=", "status=SUCCESS"),
    *("since=yesterday", "since=", "until=2026-13-01", "since=0001-01-01T00:00:00", "until=9999-12-31"),
    *("since=1e400", "since=nan", "until=" + "9" * 30, "since=-1e300"),
    *("agent_id=%00", "agent_id=" + "a" * 256, "q=%00", "q=" + "a" * 256),
)


async def test_a_bad_query_is_a_422_naming_the_parameter(
    api: httpx.AsyncClient, subtests: pytest.Subtests
) -> None:
    for query in BAD_QUERIES:
        with subtests.test(query[:40]):
            answer = await api.get(f"{ENDPOINT}?{query}")
            assert answer.status_code == 422
            assert answer.json()["detail"][0]["loc"][:2] == ["query", query.partition("=")[0]]


@given(
    query=st.dictionaries(
        st.sampled_from(["agent_id", "status", "since", "until", "q", "limit", "cursor"]),
        st.text(max_size=20)
        | st.floats().map(str)
        | st.integers().map(str)
        | st.datetimes(timezones=st.timezones()).map(lambda moment: moment.isoformat())
        | st.from_regex(r"[A-Za-z0-9_-]{32}", fullmatch=True),
        max_size=3,
    )
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_query_is_answered_200_or_422(api: httpx.AsyncClient, query: dict[str, str]) -> None:
    text = "&".join(
        f"{name}={quote(value.encode('utf-8', 'surrogatepass'))}" for name, value in query.items()
    )
    assert (await api.get(f"{ENDPOINT}?{text}")).status_code in (200, 422)


async def test_an_unknown_run_is_a_404(api: httpx.AsyncClient) -> None:
    answer = await api.get(f"{ENDPOINT}/{uuid4()}")
    assert (answer.status_code, answer.json()) == (404, {"detail": "there is no run with this id"})


async def test_what_is_no_id_is_a_422(api: httpx.AsyncClient, subtests: pytest.Subtests) -> None:
    for run_id in ("1", "x", "%00", "9b2d4c1e-0000-4000-8000-00000000000", "null"):
        with subtests.test(run_id):
            assert (await api.get(f"{ENDPOINT}/{run_id}")).status_code == 422


async def test_rows_somebody_else_inserted_are_shown_as_they_are(
    api: httpx.AsyncClient, db: asyncpg.Connection, subtests: pytest.Subtests
) -> None:
    insert = """
        INSERT INTO agent_run_log (agent_id, actions_taken) VALUES ('sage', $1::text::jsonb)
        RETURNING id, coalesce(actions_taken::text, 'null') AS kept
    """
    for actions in (None, "[1, 2]", '"text"', "1e400", "null"):
        with subtests.test(actions):
            row = await db.fetchrow(insert, actions)
            shown = (await api.get(f"{ENDPOINT}/{row['id']}")).text
            assert f'"actions_taken":{row["kept"]},' in shown
    assert len(await runs(api)) == 5
