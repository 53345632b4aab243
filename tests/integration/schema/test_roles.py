"""The roles: made and repaired, with no more rights than the work of each needs."""

import asyncio
import secrets
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import text

from app.archive.archiving import archive
from app.embedded.postgres import Postgres
from app.errors import DatabaseError, SchemaError
from app.models import ADD_MONTHS, FUNCTIONS, Base
from app.models.partitions import first_id
from app.schema import partition
from app.schema.partition import partition_log
from app.schema.rights import OWNER, ROLES
from app.schema.roles import sync_roles
from app.schema.sync import find_drift, sync_schema
from support.backups import back_up
from support.database import execute
from support.processes import called
from support.roles import PASSWORD, as_login, server_of_its_own, with_roles
from support.schema_databases import query, run_sql

GROUPS = """
    SELECT rolname, rolcanlogin OR rolsuper OR rolcreaterole OR rolcreatedb FROM pg_roles
    WHERE rolname LIKE 'runlog\\_%' ORDER BY 1
"""
OWNERS = """
    SELECT pg_get_userbyid(relowner), count(*) FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' GROUP BY 1
    UNION ALL SELECT pg_get_userbyid(proowner), count(*) FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace GROUP BY 1
"""
REPORT = "INSERT INTO agent_run_log (agent_id) VALUES ('sage')"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A server with the roles and their logins."""
    with server_of_its_own(tmp_path_factory.mktemp("roles") / "postgres") as server:
        with_roles(server.url)
        yield server


@pytest.fixture
def url(server: Postgres) -> Iterator[str]:
    """A database with the roles; damage done to it or to them ends with the test."""
    name = f"roles_{secrets.token_hex(4)}"
    run_sql(server.url, f"CREATE DATABASE {name} TEMPLATE runlog")
    yield server.url.rpartition("/")[0] + f"/{name}"
    run_sql(server.url, f"DROP DATABASE {name} WITH (FORCE)")


def refused(url: str, login: str, statement: str) -> None:
    """The login may not do it."""
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        run_sql(as_login(url, login), statement)


def test_they_are_made_once_and_are_no_drift(url: str) -> None:
    assert query(url, GROUPS) == [(role, False) for role in sorted(ROLES)]
    assert query(url, OWNERS) == [(OWNER, len(Base.metadata.tables)), (OWNER, len(FUNCTIONS))]
    assert asyncio.run(sync_roles(url)) == []
    assert asyncio.run(find_drift(url)) == []


def test_the_command_says_what_it_did_and_how_to_go_on(url: str) -> None:
    run_sql(url, "REVOKE INSERT ON agent FROM runlog_writer")
    done = called("schema", "roles", DATABASE_URL=url)
    assert (done.returncode, done.stderr) == (0, "")
    first, *logins = done.stdout.splitlines()
    assert first == "agent: runlog_writer DELETE, INSERT, SELECT, UPDATE"
    assert (
        "  CREATE ROLE runlog_service LOGIN IN ROLE runlog_writer;  -- serve, worker, beat: DATABASE_URL"
        in logins
    )
    again = called("schema", "roles", DATABASE_URL=url)
    assert again.stdout.splitlines()[0] == "nothing to do: the roles are as they should be"


@pytest.mark.parametrize(
    ("damage", "done"),
    [
        (
            "GRANT DELETE ON agent_run_log TO runlog_writer",
            "agent_run_log: runlog_writer INSERT, SELECT, UPDATE",
        ),
        ("GRANT UPDATE (agent_id) ON agent_run_log TO runlog_writer", "agent_run_log: runlog_writer"),
        ("GRANT ALL ON agent_run_score TO runlog_auditor", "agent_run_score: runlog_auditor SELECT"),
        ("REVOKE ALL ON run_rollup FROM runlog_reader", "run_rollup: runlog_reader SELECT"),
        ("ALTER TABLE agent OWNER TO postgres", "agent: owner runlog_owner"),
        ("ALTER FUNCTION agent_run_log_updated() OWNER TO postgres", "the triggers: owner runlog_owner"),
        ("REVOKE CREATE ON SCHEMA public FROM runlog_owner", "runlog_owner: CREATE on SCHEMA public"),
        ("REVOKE USAGE ON SCHEMA public FROM PUBLIC", "runlog_owner: USAGE on SCHEMA public"),
    ],
)
def test_what_differs_is_repaired(url: str, damage: str, done: str) -> None:
    run_sql(url, damage)
    assert asyncio.run(sync_roles(url))[0].startswith(done)
    assert asyncio.run(sync_roles(url)) == []


@pytest.mark.parametrize(
    ("damage", "said", "undo"),
    [
        ("ALTER ROLE runlog_reader LOGIN", "has LOGIN", "ALTER ROLE runlog_reader NOLOGIN"),
        (
            "ALTER ROLE runlog_writer SUPERUSER CREATEDB",
            "has SUPERUSER and CREATEDB",
            "ALTER ROLE runlog_writer NOSUPERUSER NOCREATEDB",
        ),
        (
            "GRANT runlog_owner TO runlog_writer",
            "has the rights of runlog_owner",
            "REVOKE runlog_owner FROM runlog_writer",
        ),
    ],
)
def test_a_group_that_may_do_more_is_left_to_a_person(url: str, damage: str, said: str, undo: str) -> None:
    run_sql(url, damage)
    try:
        with pytest.raises(SchemaError, match=said):
            asyncio.run(sync_roles(url))
    finally:
        run_sql(url, undo)


def test_tables_come_first(url: str) -> None:
    run_sql(url, "DROP TABLE agent")
    with pytest.raises(SchemaError, match="lacks table agent: run `runlog schema sync` first"):
        asyncio.run(sync_roles(url))


def test_tables_that_only_their_owners_name_finds_are_refused(server: Postgres) -> None:
    url = server.url.rpartition("/")[0] + "/by_name"
    run_sql(server.url, "CREATE DATABASE by_name")
    run_sql(url, "CREATE SCHEMA postgres")
    asyncio.run(sync_schema(url))
    with pytest.raises(SchemaError, match=r"ALTER DATABASE by_name SET search_path = postgres, public"):
        asyncio.run(sync_roles(url))
    run_sql(url, "ALTER DATABASE by_name SET search_path = postgres, public")
    asyncio.run(sync_roles(url))
    run_sql(as_login(url, "service"), REPORT)
    assert query(as_login(url, "pages"), "SELECT sum(runs)::int FROM agent_run_state") == [(1,)]


def test_the_writer_writes_what_the_product_writes(url: str) -> None:
    run_sql(as_login(url, "service"), REPORT)
    run_sql(as_login(url, "service"), "UPDATE agent_run_log SET rlhf_scores = '{\"overall\": 0.5}'")
    assert asyncio.run(find_drift(url)) == []
    for statement in (
        "DELETE FROM agent_run_log",
        "TRUNCATE agent_run_log CASCADE",
        "UPDATE agent_run_log SET agent_id = 'nova'",
        "UPDATE agent_run_log SET created_at = now()",
        "ALTER TABLE agent_run_log DISABLE TRIGGER agent_run_log_append_only_updated",
        "DROP TABLE agent",
        "CREATE TABLE mine (id int)",
        "CREATE OR REPLACE FUNCTION agent_run_log_append_only() RETURNS trigger LANGUAGE sql AS ''",
        "INSERT INTO agent_run_change VALUES (0, 'sage', 7)",
        "DELETE FROM audit_finding",
        "DELETE FROM agent_run_erasure",
        f"SET ROLE {OWNER}",
        "SET session_replication_role = replica",
    ):
        refused(url, "service", statement)


@pytest.mark.parametrize("login", ["pages", "checker"])
def test_the_others_only_read(url: str, login: str) -> None:
    run_sql(url, REPORT)
    assert query(as_login(url, login), "SELECT agent_id FROM agent_run_log") == [("sage",)]
    refused(url, login, REPORT)
    for table in Base.metadata.tables:
        refused(url, login, f"INSERT INTO {table} DEFAULT VALUES")
        refused(url, login, f"DELETE FROM {table}")  # noqa: S608


def test_the_auditor_reads_everything(url: str) -> None:
    for table in Base.metadata.tables:
        assert query(as_login(url, "checker"), f"SELECT count(*) FROM {table}")  # noqa: S608
    refused(url, "pages", "SELECT FROM agent_run_change")


def test_an_upgrade_gives_the_roles_what_is_new(url: str) -> None:
    run_sql(url, "DROP TABLE agent_cloud_task, agent_run_usage; DROP FUNCTION agent_run_log_updated CASCADE")
    done = asyncio.run(sync_schema(as_login(url, "admin")))
    assert "created table agent_cloud_task" in done
    assert (
        "agent_run_usage: runlog_auditor SELECT; runlog_reader SELECT; runlog_writer INSERT, SELECT, UPDATE"
        in done
    )
    assert {owner for owner, _ in query(url, OWNERS)} == {OWNER}
    assert asyncio.run(sync_roles(url)) == []
    assert asyncio.run(sync_schema(as_login(url, "admin"))) == []


def test_who_may_not_create_roles_is_told(tmp_path: Path) -> None:
    with server_of_its_own(tmp_path / "postgres") as server:
        for statement in (
            f"CREATE ROLE plain LOGIN PASSWORD '{PASSWORD}'",
            f"CREATE ROLE maker LOGIN CREATEROLE PASSWORD '{PASSWORD}'",
            "GRANT CREATE ON SCHEMA public TO plain",
            "CREATE DATABASE of_maker OWNER maker",
        ):
            run_sql(server.url, statement)
        asyncio.run(sync_schema(as_login(server.url, "plain")))
        with pytest.raises(SchemaError, match="plain may not create roles: run this as a superuser"):
            asyncio.run(sync_roles(as_login(server.url, "plain")))
        assert query(server.url, GROUPS) == []
        own = as_login(server.url, "maker").rpartition("/")[0] + "/of_maker"
        asyncio.run(sync_schema(own))
        assert asyncio.run(sync_roles(own))[0] == "created role runlog_owner"
        asyncio.run(execute(own, REPORT))
        assert asyncio.run(find_drift(own)) == []


def test_a_restored_log_keeps_the_rights_and_gets_its_owner_back(url: str, tmp_path: Path) -> None:
    run_sql(as_login(url, "service"), REPORT)
    backup = back_up(as_login(url, "admin"), tmp_path)
    done = called("restore", backup, "--replace", DATABASE_URL=as_login(url, "admin"))
    assert (done.returncode, done.stderr) == (0, "")
    run_sql(as_login(url, "service"), REPORT)
    refused(url, "service", "DELETE FROM agent_run_log")
    assert query(as_login(url, "pages"), "SELECT sum(runs)::int FROM agent_run_state") == [(2,)]
    assert {owner for owner, _ in query(url, OWNERS)} == {"admin"}
    asyncio.run(sync_roles(url))
    assert {owner for owner, _ in query(url, OWNERS)} == {OWNER}
    assert asyncio.run(find_drift(url)) == []


def test_by_months_a_partition_is_read_by_its_name_and_written_to_by_no_one(url: str) -> None:
    run_sql(as_login(url, "service"), REPORT)
    asyncio.run(partition_log(as_login(url, "admin")))
    assert asyncio.run(sync_roles(url)) == []
    assert asyncio.run(sync_schema(as_login(url, "admin"))) == []
    service = as_login(url, "service")
    run_sql(service, REPORT)
    run_sql(service, "UPDATE agent_run_log SET rlhf_scores = '{\"overall\": 0.5}'")
    run_sql(service, f"SELECT {ADD_MONTHS.name}()")
    for login in ("service", "pages", "checker"):
        assert query(as_login(url, login), "SELECT count(*) FROM agent_run_log_default") == [(2,)]
        for statement in (
            "INSERT INTO agent_run_log_default (agent_id) VALUES ('sage')",
            "UPDATE agent_run_log_default SET rlhf_scores = NULL",
            "INSERT INTO agent_run_score_ahead (run_id, scorer, version) VALUES (gen_random_uuid(), '', '')",
            "TRUNCATE agent_run_log_ahead",
            "ALTER TABLE agent_run_log DETACH PARTITION agent_run_log_default",
            "DELETE FROM agent_run_log",
        ):
            refused(url, login, statement)
    assert query(url, OWNERS)[0][0] == OWNER
    assert len(query(url, OWNERS)) == 2
    assert asyncio.run(find_drift(url)) == []
    run_sql(
        url,
        "GRANT INSERT ON agent_run_log_ahead TO runlog_writer; REVOKE EXECUTE ON FUNCTION"
        f" {ADD_MONTHS.name}() FROM runlog_writer",
    )
    assert asyncio.run(sync_roles(url)) == [
        "agent_run_log_ahead: runlog_writer SELECT",
        f"runlog_writer: EXECUTE ON FUNCTION {ADD_MONTHS.name}()",
    ]


def test_the_owner_archives_a_month_and_no_one_else(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, end = first_id("CAST('2026-05-01' AS timestamp)"), first_id("CAST('2050-01-01' AS timestamp)")
    monkeypatch.setattr(partition, "_RANGE", text(f"SELECT {first} AS first, {end} AS last"))

    async def archived(login: str) -> list[int]:
        months = archive(as_login(url, login), before="2026-06", to=tmp_path, keep_days=90)
        return [month.runs async for month in months]

    asyncio.run(partition_log(as_login(url, "admin")))
    for moment in ("2026-05-02", "2026-05-03"):
        insert = "INSERT INTO agent_run_log (id, agent_id, created_at) VALUES ({}, 'sage', '{}')"
        of_day = first_id(f"CAST('{moment}' AS timestamp)")
        run_sql(as_login(url, "service"), insert.format(of_day, moment))
    run_sql(
        url,
        "INSERT INTO seal_leaf (leaf_index, kind, run_id, leaf_hash)"
        " SELECT row_number() OVER () - 1, 'run', id, '' FROM agent_run_log; DELETE FROM seal_pending",
    )
    for login in ("service", "checker"):
        with pytest.raises(DatabaseError, match="permission denied to set role"):
            asyncio.run(archived(login))
    assert asyncio.run(archived("admin")) == [1]
    assert query(url, "SELECT archived_by, runs FROM agent_run_archive") == [("admin", 1)]
    assert asyncio.run(find_drift(url)) == []
    assert asyncio.run(sync_roles(url)) == []
