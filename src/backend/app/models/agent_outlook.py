"""What the Auditor has learned of an agent, kept beside it until something of it changes."""

from datetime import datetime

from sqlalchemy import ARRAY, BigInteger, DateTime, Double, String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base

_ROOM = {"postgresql_with": {"fillfactor": "70"}}  # keeps the updates heap-only


class AgentOutlook(Base):
    """That an agent was judged at `judged_at`, nothing was found, and nothing can be before `holds_until`.

    It holds while what it was made of is the same: `made_of` is a hash of the agent's own state and
    declaration, `circumstances` one of what all agents are judged by.
    """

    __tablename__ = "agent_outlook"
    __table_args__ = _ROOM

    agent_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    made_of: Mapped[int] = mapped_column(BigInteger)
    circumstances: Mapped[int] = mapped_column(BigInteger)
    judged_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    holds_until: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class AgentTrend(Base):
    """How an agent's scores went when they were last read, in `hour`, counted so that agents take turns.

    `changed_in` is that of its `AgentRunState` then. `totals` and `runs` are the sum and the number of its
    scores by days, newest first; NULL where they did not fall by much.
    """

    __tablename__ = "agent_trend"
    __table_args__ = _ROOM

    agent_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    hour: Mapped[int] = mapped_column(BigInteger)
    changed_in: Mapped[int | None] = mapped_column(BigInteger)
    totals: Mapped[list[float] | None] = mapped_column(ARRAY(Double))
    runs: Mapped[list[int] | None] = mapped_column(ARRAY(BigInteger))
