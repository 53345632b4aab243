"""The months of the log: which there are, and the SQL by which their rows leave it and come back."""

import re
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import ArchiveError
from app.models import TRIGGERS
from app.models.derivation import ROLLUP_KEYS, add_up, rows_of
from app.models.fragments import last_success_text, newest_run_text
from app.models.partitions import BOUNDS
from app.models.run_rollup import ARCHIVED, MERGED

_ENDLESS = 2**63 - 1  # as DuckDB has infinity

_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
_MONTHS = text(rf"""
    SELECT replace(right(relname, 7), '_', '-') AS month, bounds[1] AS first, bounds[2] AS last
    FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid,
        regexp_match(pg_get_expr(relpartbound, pg_class.oid), $${BOUNDS}$$) AS bounds
    WHERE inhparent = to_regclass('agent_run_log') AND relname ~ '^agent_run_log_\d{{4}}_\d\d$'
    ORDER BY relname
""")  # noqa: S608


@dataclass(frozen=True)
class Month:
    """A month such as 2027-01, with the ids from `first` to before `last`."""

    name: str
    first: str
    last: str

    @property
    def runs(self) -> str:
        """Its partition of the log."""
        return f"agent_run_log_{self.name.replace('-', '_')}"

    @property
    def scores(self) -> str:
        """Its partition of the results."""
        return f"agent_run_score_{self.name.replace('-', '_')}"

    @property
    def unguard(self) -> list[str]:
        """The statements after which its rows may leave or come, and nothing is noted of it."""
        return [f"ALTER TABLE {self.runs} DISABLE TRIGGER USER"]

    @property
    def guard(self) -> list[str]:
        """The statements after which it is append-only again."""
        return [trigger.on(self.runs).enable for trigger in TRIGGERS if trigger.table == "agent_run_log"]

    @property
    def kept(self) -> str:
        """SQL that is true of a row `run` that stays: what agents' states are made of, and odd dates.

        So each agent's last run and last success are where they are looked for, and no sum is without a time.
        """
        newest = newest_run_text("run.id", "agent.agent_id")
        success = last_success_text("run.id", "agent.agent_id")
        agents = f"(SELECT DISTINCT agent_id FROM {self.runs}) AS agent"  # noqa: S608
        return f"""(run.created_at IS NULL OR NOT isfinite(run.created_at) OR run.created_at > now()
            OR run.id IN (SELECT unnest(ARRAY[({newest}), ({success})]) FROM {agents}))"""  # noqa: S608


async def months_of(connection: AsyncConnection) -> list[Month]:
    """The months that have partitions, the oldest first. Raises `ArchiveError` where there are none."""
    months = [Month(row.month, row.first, row.last) for row in await connection.execute(_MONTHS)]
    if not months:
        raise ArchiveError("the log is not by months: `runlog schema partition` turns it over")
    return months


def check_month(name: str) -> str:
    """`name`, where it is a month such as 2027-01. Raises `ArchiveError`."""
    if not _MONTH.fullmatch(name):
        raise ArchiveError(f"{name} is no month such as 2027-01")
    return name


def micros_of(moment: str) -> str:
    """SQL of a moment as a file has it: microseconds since 1970, and `_ENDLESS` for one without an end."""
    return f"""CASE WHEN isfinite({moment}) THEN CAST(extract(epoch FROM {moment}) * 1000000 AS bigint)
        WHEN {moment} > now() THEN {_ENDLESS} WHEN {moment} < now() THEN -{_ENDLESS} END"""


def moment_of(micros: str) -> str:
    """SQL of the moment of which `micros_of` made this."""
    # By days, each of 24 hours in UTC: a number times an interval goes by way of a double.
    return f"""CASE {micros}
        WHEN {_ENDLESS} THEN 'infinity' WHEN -{_ENDLESS} THEN '-infinity'
        ELSE timestamptz 'epoch' + make_interval(days => CAST({micros} / 86400000000 AS int))
            + {micros} % 86400000000 * interval '1 microsecond' END"""


def move_sums(runs: str, *, to_archived: bool) -> list[str]:
    """The statements that count `runs`, SQL of rows, as archived ones, or no more. Sums stay the same."""
    signs = {ARCHIVED: 1, MERGED: -1} if to_archived else {ARCHIVED: -1, MERGED: 1}
    return [
        add_up(table, rows_of(table, f"SELECT {sign} AS sign, run.* FROM ({runs}) AS run"), str(shard))  # noqa: S608
        for table in ROLLUP_KEYS
        for shard, sign in signs.items()
    ]
