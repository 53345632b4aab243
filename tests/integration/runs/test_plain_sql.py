"""Silence of runs that plain SQL inserts: counted as that of reports is, and no insert is refused for it."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.models.derivation import PAYLOAD_CHANGED
from app.runs.silence import is_silent
from app.silent_texts import (
    BLANKS,
    ENVELOPE,
    ENVELOPE_OUTSIDE_LISTS,
    PROCESS_FIELDS,
    QUIET_REPLIES,
)
from support.derived import check_derived
from support.log_changes import UNGUARD

LOG = "/api/v1/internal/agent-run-log"
COUNTS = """
    SELECT array_agg(consecutive_silence_count ORDER BY created_at, id)
    FROM agent_run_log WHERE agent_id = $1
"""
INSERT = "INSERT INTO agent_run_log (agent_id)"
DATED = "INSERT INTO agent_run_log (agent_id, created_at) VALUES"
COUNTED = "INSERT INTO agent_run_log (agent_id, consecutive_silence_count) VALUES"


def _is_storable(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


blank_texts = st.text(BLANKS, max_size=3)
marks = st.sampled_from(
    ["", " ", "*", "**", "`", "[", "]", "(", ".", "!", '"', "\\", "'", "^-", "\u201c", "\u3002"]
) | (st.sampled_from(["\u200b", "\ufeff", "\U0001f44d", "\u2705\ufe0f", "\x01", "\n", "\u00d7"]))
between_words = st.sampled_from(["", " ", "_", "-", "/", ". ", " - ", "\n", "    "])
quiet_texts = st.builds(
    lambda before, reply, between, case, after: before + case(between.join(reply.split())) + after,
    marks,
    st.sampled_from(sorted(QUIET_REPLIES)),
    between_words,
    st.sampled_from([str.lower, str.upper, str.title]),
    marks,
)
odd_texts = st.sampled_from(
    ["x", "0", "\u00e9", "\U00020000", "a\nb", "o\u212a", "\u017filent", "ok 3", "\u2780x"]
)
texts = blank_texts | marks | quiet_texts | odd_texts | st.text(max_size=3)
leaves = st.sampled_from([None, [], {}, True, False, 0, 0.0, -1, 10**30]) | texts.filter(_is_storable)
fields = sorted(frozenset().union(*ENVELOPE.values(), *ENVELOPE_OUTSIDE_LISTS.values(), PROCESS_FIELDS))
spellings = st.sampled_from(
    [
        str,
        str.upper,
        lambda name: name.replace(" ", "_"),
        lambda name: name.title().replace(" ", ""),
        lambda name: name.replace(" ", "-." * 40),
        lambda name: name.replace("i", "\u0131").replace("k", "\u212a"),
        lambda name: f"{name}s",
    ]
)
envelope = st.builds(lambda name, spelled: spelled(name), st.sampled_from(fields), spellings)
names = st.sampled_from(["summary", "no_op", "noOp", "NO-OP", "reason", "", "a", "$", '"']) | envelope


def nested(leaf: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Documents with such leaves."""
    return st.recursive(
        leaf,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
        max_leaves=6,
    )


nothing = nested(st.none() | blank_texts | quiet_texts)
reports = st.fixed_dictionaries(
    {},
    optional={
        "summary": nothing | quiet_texts,
        "no_op": st.just(True) | nothing,
        "noOp": st.just(True) | leaves,
        "reason": nothing | texts.filter(_is_storable),
        "a": nested(leaves),
        "durationMs": leaves,
        "usage": nested(leaves),
        "host": nested(leaves),
    },
)


@settings(max_examples=5, derandomize=True)
@given(st.lists(reports | nothing | nested(leaves), min_size=100, max_size=150))
def test_the_rule_in_sql_is_the_rule_for_reports(module_database: str, batch: list[Any]) -> None:
    counts = asyncio.run(_counts(module_database, [json.dumps(document) for document in batch]))
    # A document that is no object counts as what an object holds.
    silences = [is_silent(it if isinstance(it, dict) else {"it": it}) for it in batch]
    assert list(zip(batch, counts, strict=True)) == list(zip(batch, map(int, silences), strict=True))


async def _counts(url: str, documents: list[str]) -> list[int]:
    """The counts of runs with these documents, each the first of an agent of its own; none is kept."""
    db = await asyncpg.connect(url)
    await db.execute("BEGIN")
    found = await db.fetch(
        """
        INSERT INTO agent_run_log (agent_id, actions_taken)
        SELECT 'document ' || number, document::jsonb
        FROM unnest($1::text[]) WITH ORDINALITY AS payload (document, number)
        RETURNING consecutive_silence_count
        """,
        documents,
    )
    await db.close()
    return [row[0] for row in found]


def test_blanks_are_what_python_calls_space() -> None:
    assert set(BLANKS) == {character for character in map(chr, range(sys.maxunicode)) if character.isspace()}


@pytest.fixture
async def plain(module_database: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection that writes to the log beside the product."""
    connection = await asyncpg.connect(module_database)
    yield connection
    await connection.close()


# What is done to an agent's runs, its name written as AGENT, and the counts of its runs from the oldest.
CASES = {
    "rows of a statement": (f"{INSERT} VALUES (AGENT), (AGENT), (AGENT)", [1, 2, 3]),
    "rows of a query": (
        "INSERT INTO agent_run_log (agent_id) SELECT AGENT FROM generate_series(1, 4)",
        [1, 2, 3, 4],
    ),
    "statements of a transaction": (
        f"BEGIN; {INSERT} VALUES (AGENT); {INSERT} VALUES (AGENT); COMMIT",
        [1, 2],
    ),
    "a savepoint": (
        f"BEGIN; {INSERT} VALUES (AGENT); SAVEPOINT a; {INSERT} VALUES (AGENT), (AGENT); ROLLBACK TO a;"
        f" {INSERT} VALUES (AGENT); COMMIT",
        [1, 2],
    ),
    "output amid silence": (
        """INSERT INTO agent_run_log (agent_id, actions_taken) VALUES
            (AGENT, NULL), (AGENT, '{"summary": "HEARTBEAT_OK"}'), (AGENT, '{"summary": "Fixed it"}'),
            (AGENT, '{"rows": 0}'), (AGENT, '[" "]'), (AGENT, '{"no_op": true}'),
            (AGENT, '{"summary": "**Done.**", "run": {"usage": {"tokens": 5}, "host": "a"}}'),
            (AGENT, '{"noOp": true, "reason": "ok"}')""",
        [1, 2, 0, 0, 1, 2, 3, 0],
    ),
    "a key that is in use": (
        """INSERT INTO agent_run_log (agent_id) VALUES (AGENT);
        INSERT INTO agent_run_log (id, agent_id) SELECT id, agent_id FROM agent_run_log WHERE agent_id = AGENT
            ON CONFLICT (id) DO UPDATE SET rlhf_scores = NULL;
        INSERT INTO agent_run_log (id, agent_id) SELECT id, agent_id FROM agent_run_log WHERE agent_id = AGENT
            ON CONFLICT DO NOTHING;
        INSERT INTO agent_run_log (agent_id) VALUES (AGENT)""",
        [1, 2],
    ),
    "dates in order": (
        f"{DATED} (AGENT, '2026-01-01'), (AGENT, '2026-01-02'), (AGENT, '2026-01-03')",
        [1, 2, 3],
    ),
    "dates after each other's": (
        f"{DATED} (AGENT, '2026-01-03'), (AGENT, '2026-01-01'), (AGENT, '2026-01-02')",
        [1, 2, 1],
    ),
    "one date": (f"{DATED} (AGENT, '2026-01-01'), (AGENT, '2026-01-01')", [1, 1]),
    "a date of the past": (
        f"{INSERT} VALUES (AGENT); {DATED} (AGENT, '2026-01-01'); {INSERT} VALUES (AGENT)",
        [1, 1, 2],
    ),
    "a date of the future": (
        f"{INSERT} VALUES (AGENT); {DATED} (AGENT, 'infinity'); {INSERT} VALUES (AGENT)",
        [1, 2, 2],
    ),
    "a clock that is a little ahead": (
        f"{DATED} (AGENT, now() + interval '50 seconds'); {INSERT} VALUES (AGENT), (AGENT)",
        [1, 2, 3],
    ),
    "no date": (f"{INSERT} VALUES (AGENT); {DATED} (AGENT, NULL); {INSERT} VALUES (AGENT)", [1, 2, 1]),
    "counts that were counted": (f"{COUNTED} (AGENT, 4), (AGENT, 5); {INSERT} VALUES (AGENT)", [4, 5, 6]),
    "counts beyond their range": (
        f"{COUNTED} (AGENT, 2147483647); {INSERT} VALUES (AGENT);"
        f" {COUNTED} (AGENT, -3); {INSERT} VALUES (AGENT)",
        [2147483647, 2147483647, -3, 1],
    ),
}


@pytest.mark.anyio
@pytest.mark.parametrize("case", CASES)
async def test_counts_follow_each_other(plain: asyncpg.Connection, case: str) -> None:
    statements, counts = CASES[case]
    await plain.execute(statements.replace("AGENT", f"$${case}$$"))
    assert await plain.fetchval(COUNTS, case) == counts
    await check_derived(plain)


@pytest.mark.anyio
async def test_copied_rows_are_counted(plain: asyncpg.Connection) -> None:
    rows = [("copied", "{}"), ("copied", '{"rows": 1}'), ("copied", "{}"), ("copied", None)]
    await plain.copy_records_to_table("agent_run_log", records=rows, columns=("agent_id", "actions_taken"))
    assert await plain.fetchval(COUNTS, "copied") == [1, 0, 1, 2]


@pytest.mark.anyio
async def test_dates_by_default_follow_each_other_and_others_are_kept(plain: asyncpg.Connection) -> None:
    hour = timedelta(hours=1)
    inserted = await plain.fetch(
        """
        INSERT INTO agent_run_log (agent_id, actions_taken, run_at, created_at) VALUES
            ('dated', '{}', now(), now()), ('dated', '{"rows": 1}', now(), now()),
            ('dated', '{}', now() - $1::interval, now()), ('dated', '{}', now(), now() - $1::interval)
        RETURNING created_at - now() AS created, run_at - now() AS ran
        """,
        hour,
    )
    step = timedelta(microseconds=1)
    assert [tuple(row) for row in inserted] == [
        (0 * step,) * 2,
        (step,) * 2,
        (2 * step, -hour),
        (-hour, 0 * step),
    ]


@pytest.mark.anyio
async def test_reports_go_on_from_plain_rows_and_these_from_reports(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    report = {"agent_id": "sage", "status": "success", "actions_taken": {}}
    await db.execute(f"{INSERT} VALUES ('sage'), ('sage'), ('sage')")
    await api.post(LOG, json=report)
    await db.execute(f"{INSERT} VALUES ('sage')")
    await api.post(LOG, json={**report, "actions_taken": {"summary": "Fixed it"}})
    await db.execute(f"{INSERT} VALUES ('sage')")
    assert await db.fetchval(COUNTS, "sage") == [1, 2, 3, 4, 5, 0, 1]
    await check_derived(db)


@pytest.mark.anyio
async def test_reports_do_not_wait_for_rows_that_are_not_committed(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    report = {"agent_id": "sage", "status": "success", "actions_taken": {}}
    async with asyncio.timeout(30), db.transaction():
        await db.execute(f"{INSERT} VALUES ('sage')")
        await api.post(LOG, json=report)
        await db.execute(f"{INSERT} VALUES ('sage')")
    # The first row and the report both follow nothing; the second row follows the report.
    assert await db.fetchval(COUNTS, "sage") == [1, 1, 2]
    await check_derived(db)


@pytest.mark.anyio
async def test_who_may_only_insert_is_counted_from_the_log_alone(plain: asyncpg.Connection) -> None:
    role = await plain.fetchval("SELECT current_database() || '_inserter'")
    await plain.execute(
        f"{COUNTED} ('inserter', 7); CREATE ROLE {role}; GRANT INSERT ON agent_run_log TO {role}"
    )
    try:
        await plain.execute(f"""
            SET ROLE {role};
            CREATE TEMPORARY TABLE agent_run_log (agent_id text, created_at timestamptz, id int,
                consecutive_silence_count int);
            INSERT INTO pg_temp.agent_run_log VALUES ('inserter', now(), 1, 100);
            CREATE FUNCTION pg_temp.jsonb_path_exists(jsonb, jsonpath) RETURNS boolean LANGUAGE sql
                AS 'SELECT true';
            SET search_path = pg_temp, public;
            INSERT INTO public.agent_run_log (agent_id) VALUES ('inserter');
            DROP TABLE pg_temp.agent_run_log;
            RESET ROLE;
            RESET search_path
        """)  # noqa: S608
        assert await plain.fetchval(COUNTS, "inserter") == [7, 8]
    finally:
        await plain.execute(f"RESET ROLE; DROP OWNED BY {role}; DROP ROLE {role}")


@pytest.mark.anyio
@pytest.mark.parametrize(
    "change",
    ["DROP COLUMN actions_taken", "DROP COLUMN consecutive_silence_count", "ALTER actions_taken TYPE text"],
)
async def test_a_log_that_is_not_as_it_should_be_takes_rows(plain: asyncpg.Connection, change: str) -> None:
    # While they are there PostgreSQL refuses to change the columns that they are for.
    await plain.execute(
        f"BEGIN; DROP TRIGGER {PAYLOAD_CHANGED} ON agent_run_log;"
        " DROP TRIGGER agent_run_log_append_only_updated ON agent_run_log;"
        " DROP TRIGGER agent_run_log_seal_merged ON agent_run_log"
    )
    await plain.execute(f"ALTER TABLE agent_run_log {change}")
    assert await plain.execute(f"{INSERT} VALUES ('altered'), ('altered')") == "INSERT 0 2"


@pytest.mark.anyio
async def test_a_document_is_judged_however_deep_it_is(plain: asyncpg.Connection) -> None:
    await plain.execute(f"""
        CREATE TEMPORARY TABLE deep AS SELECT {"[" * 2000 + "]" * 2000!r}::jsonb AS silent,
            {"[" * 2000 + "1" + "]" * 2000!r}::jsonb AS output;
        SET max_stack_depth = '100kB';
        INSERT INTO agent_run_log (agent_id, actions_taken) SELECT 'deep', silent FROM deep;
        INSERT INTO agent_run_log (agent_id, actions_taken) SELECT 'deep', output FROM deep
    """)  # noqa: S608
    assert await plain.fetchval(COUNTS, "deep") == [1, 0]


@pytest.mark.anyio
async def test_a_session_that_reads_backslashes_itself_counts_as_well(plain: asyncpg.Connection) -> None:
    await plain.execute("""
        SET standard_conforming_strings = off;
        INSERT INTO agent_run_log (agent_id, actions_taken) VALUES ('old', '{"summary": "[SILENT]"}')
    """)
    assert await plain.fetchval(COUNTS, "old") == [1]


@pytest.mark.anyio
async def test_a_large_insert_reads_one_run_for_each_row(plain: asyncpg.Connection) -> None:
    """Also by a plan that was made while the log was small."""
    few = ", ".join(f"('agent {number % 20}')" for number in range(60))
    await plain.execute(UNGUARD)
    await plain.execute(f"TRUNCATE agent_run_log CASCADE; {INSERT} VALUES {few}; ANALYZE agent_run_log")
    read = "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'agent_run_log'"
    async with plain.transaction():
        before = await plain.fetchval(read)
        await plain.execute(
            "INSERT INTO agent_run_log (agent_id) SELECT 'many' FROM generate_series(1, 3000)"
        )
        assert await plain.fetchval(read) - before < 10_000
