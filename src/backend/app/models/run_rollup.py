"""What the log adds up to, by time: derived from the log, kept in the same transaction."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import BigInteger, DateTime, Integer, Numeric, SmallInteger, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base

HOUR, MINUTE = 60, 1
"""The widths of a bucket, in minutes."""

MINUTES_KEPT = "15 days"
"""How far back there are minutes: no window of the fleet's reaches further."""

AGENTS_KEPT = "36 days"
"""How far back there are the agents' hours: a week is compared with the four before."""

MERGED = 0
"""The shard of no backend: what is added up already, of any number of them."""

ARCHIVED = -1
"""The shard of what is no more in the log itself, but in the files of archived months."""

_ROOM = {"postgresql_with": {"fillfactor": "50"}}  # keeps the many updates heap-only


class RunRollup(Base):
    """The runs of the whole fleet that were created in the `width` minutes from `bucket` on, in UTC.

    A bucket has a row for each backend that changed it (`shard`, its process id), to be summed up, so
    that no transaction ever waits for another one's. A run without a `created_at` is in no bucket.
    """

    __tablename__ = "run_rollup"
    __table_args__ = _ROOM

    width: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    bucket: Mapped[datetime] = mapped_column(DateTime(timezone=True), primary_key=True)
    shard: Mapped[int] = mapped_column(Integer, primary_key=True)
    runs: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    succeeded: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    scored: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    overall_sum: Mapped[Decimal] = mapped_column(Numeric, server_default=text("0"))


class AgentRollup(Base):
    """The scores of an agent's runs of the hour from `bucket` on, sharded as `RunRollup` is.

    `overall_squares` is the sum of their squares, which tells how much they vary. `failed` and `silent` count
    those of the scored runs that were so: a run comes in with its score, so that recording one stays cheap.
    """

    __tablename__ = "agent_rollup"
    __table_args__ = _ROOM

    agent_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    bucket: Mapped[datetime] = mapped_column(DateTime(timezone=True), primary_key=True)
    shard: Mapped[int] = mapped_column(Integer, primary_key=True)
    scored: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    overall_sum: Mapped[Decimal] = mapped_column(Numeric, server_default=text("0"))
    overall_squares: Mapped[Decimal] = mapped_column(Numeric, server_default=text("0"))
    failed: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    silent: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))


class ScoreRollup(Base):
    """How many runs of an hour show the result of a version of a scorer, sharded as `RunRollup` is.

    Only results that have no row of `AgentRunScore`: not a judge's.
    """

    __tablename__ = "score_rollup"
    __table_args__ = _ROOM

    scorer: Mapped[str] = mapped_column(String(32), primary_key=True)
    version: Mapped[str] = mapped_column(String(255), primary_key=True)
    bucket: Mapped[datetime] = mapped_column(DateTime(timezone=True), primary_key=True)
    shard: Mapped[int] = mapped_column(Integer, primary_key=True)
    results: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))


class RollupGap(Base):
    """While the rollups are being filled, one row: runs created at `until` or before may be missing."""

    __tablename__ = "rollup_gap"

    until: Mapped[datetime] = mapped_column(DateTime(timezone=True), primary_key=True)
