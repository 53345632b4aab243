"""Each way in which a database can differ: what `check` says of it and what `sync` does."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from app.cli.commands import schema
from app.errors import SchemaError
from app.schema.sync import find_drift, sync_schema
from support.schema_databases import query, run_sql

ROW = "INSERT INTO agent_run_log (agent_id) VALUES ('sage');"

# While it is there PostgreSQL refuses to change the types of the columns that it is for.
UNGUARDED = "DROP TRIGGER agent_run_log_append_only_updated ON agent_run_log"

REPAIRABLE = {
    "DROP TABLE agent": ["table agent is missing", "trigger agent_seal_event is missing"],
    "ALTER TABLE agent_run_log DROP COLUMN action_summary CASCADE": [
        "column agent_run_log.action_summary is missing",
        "trigger agent_run_log_append_only_updated is missing",
        "trigger agent_run_log_payload_changed is missing",
        "trigger agent_run_log_seal_merged is missing",
    ],
    "ALTER TABLE agent_run_log DROP COLUMN rlhf_scores": [
        "column agent_run_log.rlhf_scores is missing",
        "index idx_agent_run_log_unscored is missing",
    ],
    "ALTER TABLE agent_run_log DROP COLUMN consecutive_silence_count": [
        "column agent_run_log.consecutive_silence_count is missing"
    ],
    "ALTER TABLE audit_finding DROP COLUMN severity, DROP COLUMN last_run_at, DROP COLUMN began_at": [
        "column audit_finding.severity is missing",
        "column audit_finding.last_run_at is missing",
        "column audit_finding.began_at is missing",
    ],
    "ALTER TABLE agent_run_log ALTER status DROP DEFAULT": [
        "agent_run_log.status has default none instead of 'success'::character varying"
    ],
    "ALTER TABLE agent_run_log ALTER actions_taken SET DEFAULT '[]'": [
        "agent_run_log.actions_taken has default '[]'::jsonb instead of '{}'::jsonb"
    ],
    "ALTER TABLE agent_run_log ALTER rlhf_scores SET DEFAULT '{}'": [
        "agent_run_log.rlhf_scores has default '{}'::jsonb instead of none"
    ],
    "ALTER TABLE agent_run_feedback DROP CONSTRAINT agent_run_feedback_run_id_fkey": [
        "agent_run_feedback lacks FOREIGN KEY (run_id) REFERENCES agent_run_log(id)",
        "agent_run_feedback: constraint agent_run_feedback_run_id_fkey is not validated",
    ],
    """ALTER TABLE agent_run_feedback DROP CONSTRAINT agent_run_feedback_run_id_fkey;
    ALTER TABLE agent_run_feedback ADD CONSTRAINT agent_run_feedback_run_id_fkey
    FOREIGN KEY (run_id) REFERENCES agent_run_log (id) NOT VALID""": [
        "agent_run_feedback: constraint agent_run_feedback_run_id_fkey is not validated"
    ],
    "DROP INDEX idx_agent_run_log_status": ["index idx_agent_run_log_status is missing"],
    """DROP INDEX idx_agent_run_log_created_at;
    CREATE INDEX idx_agent_run_log_created_at ON agent_run_log (created_at)""": [
        "index idx_agent_run_log_created_at is (created_at) instead of (created_at DESC)"
    ],
    """DROP INDEX idx_agent_run_log_agent_created;
    CREATE INDEX idx_agent_run_log_agent_created ON agent_run_log (created_at DESC, agent_id)""": [
        "index idx_agent_run_log_agent_created is (created_at DESC, agent_id) "
        "instead of (agent_id, created_at DESC)"
    ],
    """DROP INDEX idx_agent_run_log_status;
    CREATE INDEX idx_agent_run_log_status ON agent_run_log USING hash (status)""": [
        "index idx_agent_run_log_status is hash (status) instead of (status)"
    ],
    """DROP INDEX idx_audit_finding_open;
    CREATE INDEX idx_audit_finding_open ON audit_finding (rule, agent_id) WHERE closed_at IS NULL""": [
        "index idx_audit_finding_open is (rule, agent_id) WHERE (closed_at IS NULL) "
        "instead of unique (rule, agent_id) WHERE (closed_at IS NULL)"
    ],
    """DROP INDEX idx_audit_finding_open;
    CREATE UNIQUE INDEX idx_audit_finding_open ON audit_finding (rule, agent_id)""": [
        "index idx_audit_finding_open is unique (rule, agent_id) "
        "instead of unique (rule, agent_id) WHERE (closed_at IS NULL)"
    ],
    "CREATE INDEX idx_agent_run_log_status_sync_replacement ON agent_run_log (status)": [
        "index idx_agent_run_log_status_sync_replacement is left over from an interrupted repair"
    ],
    "DROP FUNCTION agent_run_log_updated CASCADE": [
        "function agent_run_log_updated is missing",
        "trigger agent_run_log_updated is missing",
    ],
    """CREATE OR REPLACE FUNCTION agent_run_log_updated() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS 'BEGIN RETURN NULL; END'""": [
        "function agent_run_log_updated is another one"
    ],
    "ALTER FUNCTION agent_run_log_inserted SECURITY INVOKER": [
        "function agent_run_log_inserted is another one"
    ],
    "ALTER FUNCTION agent_run_log_deleted SET search_path = public": [
        "function agent_run_log_deleted is another one"
    ],
    "DROP TRIGGER agent_run_log_truncated ON agent_run_log": ["trigger agent_run_log_truncated is missing"],
    "ALTER TABLE agent_run_log DISABLE TRIGGER agent_run_log_deleted": [
        "trigger agent_run_log_deleted is disabled"
    ],
    """DROP TRIGGER agent_run_log_deleted ON agent_run_log;
    CREATE TRIGGER agent_run_log_deleted AFTER DELETE ON agent_run_log
    REFERENCING OLD TABLE AS old_runs EXECUTE FUNCTION agent_run_log_inserted()""": [
        "trigger agent_run_log_deleted is CREATE TRIGGER agent_run_log_deleted AFTER DELETE ON agent_run_log "
        "REFERENCING OLD TABLE AS old_runs FOR EACH STATEMENT EXECUTE FUNCTION agent_run_log_inserted() "
        "instead of CREATE TRIGGER agent_run_log_deleted AFTER DELETE ON agent_run_log "
        "REFERENCING OLD TABLE AS old_runs FOR EACH STATEMENT EXECUTE FUNCTION agent_run_log_deleted()"
    ],
    """DROP TRIGGER agent_run_log_silence_counted ON agent_run_log;
    ALTER FUNCTION agent_run_log_silence_counted RESET enable_sort""": [
        "function agent_run_log_silence_counted is another one",
        "trigger agent_run_log_silence_counted is missing",
    ],
    "DROP TABLE run_rollup": ["table run_rollup is missing"],
    "DROP TABLE agent_rollup, rollup_gap": ["table agent_rollup is missing", "table rollup_gap is missing"],
    "ALTER TABLE agent_run_state DROP COLUMN last_success_at": [
        "column agent_run_state.last_success_at is missing"
    ],
    "INSERT INTO rollup_gap VALUES ('infinity')": ["the rollups are not filled: they lack runs of the past"],
}

LEFT_TO_A_PERSON = {
    "ALTER TABLE agent_run_log DROP COLUMN run_at CASCADE": [
        "column agent_run_log.run_at is missing and there is no value to give it in existing rows",
        "trigger agent_run_log_append_only_updated is missing",
    ],
    f"{UNGUARDED}; ALTER TABLE agent_run_log ALTER created_at TYPE timestamp": [
        "agent_run_log.created_at has type timestamp without time zone instead of timestamp with time zone"
    ],
    f"{UNGUARDED}; ALTER TABLE agent_run_log ALTER agent_id TYPE varchar(64)": [
        "agent_run_log.agent_id has type character varying(64) instead of character varying(255)"
    ],
    "ALTER TABLE agent_run_log ALTER status DROP NOT NULL": ["agent_run_log.status allows NULL"],
    "ALTER TABLE agent_run_log ALTER action_summary SET NOT NULL": [
        "agent_run_log.action_summary refuses NULL"
    ],
    "ALTER TABLE agent DROP CONSTRAINT agent_pkey": [
        "agent has no primary key instead of PRIMARY KEY (agent_id)"
    ],
    """ALTER TABLE agent_run_feedback DROP CONSTRAINT agent_run_feedback_pkey;
    ALTER TABLE agent_run_feedback ADD PRIMARY KEY (rater, run_id)""": [
        "agent_run_feedback has PRIMARY KEY (rater, run_id) instead of PRIMARY KEY (run_id, rater)"
    ],
    """ALTER TABLE agent_run_feedback DROP CONSTRAINT agent_run_feedback_run_id_fkey;
    ALTER TABLE agent_run_feedback ADD CONSTRAINT agent_run_feedback_run_id_fkey
    FOREIGN KEY (run_id) REFERENCES agent_run_log (id) ON DELETE CASCADE""": [
        "agent_run_feedback: constraint agent_run_feedback_run_id_fkey is FOREIGN KEY (run_id) REFERENCES "
        "agent_run_log(id) ON DELETE CASCADE instead of FOREIGN KEY (run_id) REFERENCES agent_run_log(id)"
    ],
    """DROP INDEX idx_agent_run_log_status;
    CREATE INDEX idx_agent_run_log_status ON peer_swarm_heartbeat (status)""": [
        "index idx_agent_run_log_status is missing and its name is taken by another relation"
    ],
    """DROP TABLE agent;
    CREATE VIEW agent AS SELECT 1 AS agent_id""": ["agent is not an ordinary table"],
    f"""{UNGUARDED}; DROP INDEX idx_agent_run_log_status;
    ALTER TABLE agent_run_log ALTER status TYPE text""": [
        "agent_run_log.status has type text instead of character varying(32)",
        "index idx_agent_run_log_status is missing",
    ],
}

THE_USERS_OWN = (
    "ALTER TABLE agent_run_log ADD COLUMN note text DEFAULT 'x'",
    "CREATE INDEX mine ON agent_run_log (status, agent_id)",
    "ALTER TABLE agent_run_log ADD CONSTRAINT mine CHECK (consecutive_silence_count >= 0)",
    "ALTER INDEX idx_agent_run_log_status SET (fillfactor = 70)",
    "ALTER TABLE agent_run_log SET (autovacuum_vacuum_scale_factor = 0.01)",
    "CREATE TABLE mine (id int)",
)


def check() -> tuple[int, list[str]]:
    """The exit status of `runlog schema check` and the lines it prints."""
    result = CliRunner().invoke(schema.app, ["check"])
    return result.exit_code, result.stdout.splitlines()


@pytest.mark.parametrize(("damage", "drift"), REPAIRABLE.items(), ids=list(REPAIRABLE))
def test_what_can_be_repaired_is_reported_then_repaired(database: str, damage: str, drift: list[str]) -> None:
    run_sql(database, ROW + damage)
    assert check() == (1, drift)

    done = asyncio.run(sync_schema(database))

    assert len(done) == len(drift)
    assert check() == (0, [])
    assert query(database, "SELECT agent_id FROM agent_run_log") == [("sage",)]


@pytest.mark.parametrize(("damage", "drift"), LEFT_TO_A_PERSON.items(), ids=list(LEFT_TO_A_PERSON))
def test_what_would_be_a_guess_is_reported_and_left(database: str, damage: str, drift: list[str]) -> None:
    run_sql(database, damage)

    with pytest.raises(SchemaError) as refusal:
        asyncio.run(sync_schema(database))

    assert all(difference in str(refusal.value) for difference in drift)
    assert check() == (1, drift)


@pytest.mark.parametrize("addition", THE_USERS_OWN)
def test_what_is_the_users_own_is_no_drift(database: str, addition: str) -> None:
    run_sql(database, addition)
    assert check() == (0, [])
    assert asyncio.run(sync_schema(database)) == []


def test_an_added_column_does_not_invent_the_past(database: str) -> None:
    run_sql(
        database,
        ROW + "ALTER TABLE agent_run_log DROP COLUMN created_at CASCADE, DROP COLUMN actions_taken CASCADE",
    )
    asyncio.run(sync_schema(database))
    run_sql(database, ROW)
    rows = query(
        database, "SELECT actions_taken::text, created_at IS NULL FROM agent_run_log ORDER BY created_at"
    )
    assert rows == [("{}", False), ("{}", True)]


def test_the_rest_is_repaired_beside_what_is_left_to_a_person(database: str) -> None:
    run_sql(database, "DROP TABLE agent; ALTER TABLE agent_run_log ALTER status DROP NOT NULL")
    with pytest.raises(SchemaError, match=r"agent_run_log\.status allows NULL"):
        asyncio.run(sync_schema(database))
    assert asyncio.run(find_drift(database)) == ["agent_run_log.status allows NULL"]


def test_checking_changes_nothing(empty_database: str) -> None:
    run_sql(empty_database, "CREATE TABLE agent_run_log (id int)")
    before = query(empty_database, "SELECT relname FROM pg_class ORDER BY 1")
    assert asyncio.run(find_drift(empty_database))
    assert query(empty_database, "SELECT relname FROM pg_class ORDER BY 1") == before


OLD_FINDINGS = {
    "failing": '{"severity": "high", "last_run": {"created_at": "2026-11-11T10:00:00.123456+00:00"}}',
    "late": '{"severity": "low", "last_run": {"created_at": "2026-11-11T12:00:00+02:00"}}',
    "silent": '{"severity": "high", "since": "2026-11-11T10:15:00+00:00"}',
    "no evidence": "{}",
    "other types": '{"severity": 3, "last_run": "none", "since": ["2026-11-11T10:15:00+00:00"]}',
    "no moments": '{"severity": "grave", "last_run": {"created_at": "yesterday"}, "since": "infinity"}',
    "no such day": '{"since": "2026-02-31T10:15:00+00:00"}',
    "no time zone": '{"last_run": {"created_at": "2026-11-11T00:00:00"}}',
    "no date of Python": '{"since": "9999-12-31T23:59:59-10:00", "last_run": {"created_at": null}}',
    "an array": "[1]",
}


def test_columns_of_findings_are_filled_from_the_evidence_of_old_ones(database: str) -> None:
    run_sql(
        database,
        "ALTER TABLE audit_finding DROP COLUMN severity, DROP COLUMN last_run_at, DROP COLUMN began_at",
    )
    for rule, evidence in OLD_FINDINGS.items():
        row = f"VALUES ('{rule}', 'nova', '', '{evidence}')"
        run_sql(database, f"INSERT INTO audit_finding (rule, agent_id, message, evidence) {row}")
    assert len(asyncio.run(sync_schema(database))) == 3
    assert asyncio.run(find_drift(database)) == []
    found = query(database, "SELECT rule, severity, last_run_at, began_at FROM audit_finding")
    ten = datetime(2026, 11, 11, 10, tzinfo=UTC)
    assert {rule: values for rule, *values in found} == {
        "failing": ["high", ten + timedelta(microseconds=123456), None],
        "late": ["low", ten, None],
        "silent": ["high", None, ten + timedelta(minutes=15)],
        "no evidence": ["medium", None, None],
        "other types": ["medium", None, None],
        "no moments": ["medium", None, None],
        "no such day": ["medium", None, None],
        "no time zone": ["medium", None, None],
        "no date of Python": ["medium", None, None],
        "an array": ["medium", None, None],
    }
