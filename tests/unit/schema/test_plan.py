import pytest
from sqlalchemy import ForeignKeyConstraint, PrimaryKeyConstraint, Table

from app.models import SEALING_FUNCTIONS, SEALING_TRIGGERS, Base
from app.schema.catalog import Catalog
from app.schema.plan import plan
from app.schema.sync import schema_sql

TABLES = Base.metadata.sorted_tables


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_table_declares_only_what_is_compared(table: Table) -> None:
    assert {type(constraint) for constraint in table.constraints} <= {
        PrimaryKeyConstraint,
        ForeignKeyConstraint,
    }
    assert all(column.computed is None for column in table.columns)
    assert all(column.identity is None or column.identity.always for column in table.columns)


def test_an_empty_database_needs_each_table_once() -> None:
    steps = plan(Catalog(), TABLES)
    made = [step.table for step in steps if step.creates_table]
    assert made == [table.name for table in TABLES]
    # The triggers that note what is to be sealed need several of the tables.
    assert len(steps) == len(made) + len(SEALING_FUNCTIONS) + len(SEALING_TRIGGERS)
    assert all(step.repairable for step in steps)


def test_the_log_is_repaired_before_the_state_is_filled_from_it() -> None:
    names = [table.name for table in TABLES]
    assert names.index("agent_run_log") < names.index("agent_run_state")


def test_the_specified_indexes_can_be_read_in_the_printed_ddl() -> None:
    sql = schema_sql()
    for index in (
        "idx_agent_run_log_agent_id ON agent_run_log (agent_id);",
        "idx_agent_run_log_created_at ON agent_run_log (created_at DESC);",
        "idx_agent_run_log_status ON agent_run_log (status);",
        "idx_agent_run_log_agent_created ON agent_run_log (agent_id, created_at DESC);",
    ):
        assert f"CREATE INDEX {index}" in sql
