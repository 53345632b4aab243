"""What each role may do with each table."""

from app.models import GUARD_FUNCTIONS, Base
from app.schema.rights import AUDITOR, READER, RIGHTS, WRITER


def test_every_table_has_its_rights() -> None:
    assert sorted(RIGHTS) == sorted(Base.metadata.tables)


def test_only_the_writer_writes() -> None:
    assert {rights.of(AUDITOR) for rights in RIGHTS.values()} == {frozenset(("SELECT",))}
    assert set().union(*(rights.of(READER) for rights in RIGHTS.values())) == {"SELECT"}


def test_the_writer_writes_no_more_to_the_log_than_the_product_does() -> None:
    assert RIGHTS["agent_run_log"].of(WRITER) == {
        *("SELECT", "INSERT", "UPDATE (rlhf_scores)", "UPDATE (consecutive_silence_count)"),
        *("UPDATE (status)", "UPDATE (action_summary)", "UPDATE (actions_taken)"),
    }
    for table in GUARD_FUNCTIONS:
        assert RIGHTS[table].of(WRITER).isdisjoint(("UPDATE", "DELETE", "TRUNCATE"))


def test_only_triggers_write_to_a_table_with_a_sequence() -> None:
    columns = [column for table in Base.metadata.sorted_tables for column in table.columns]
    assert not [column for column in columns if "nextval" in str(column.server_default)]
    assert {column.table.name for column in columns if column.identity} == {"seal_pending"}
    assert "INSERT" not in RIGHTS["seal_pending"].writer
