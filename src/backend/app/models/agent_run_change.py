"""What a transaction changed in the log behind the writer's back."""

from datetime import datetime

from sqlalchemy import BigInteger, DateTime, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class AgentRunChange(Base):
    """What the transaction under way in a backend (`shard`) changed of an agent's runs, until it commits.

    Right before the commit it is settled with `agent_run_state` and deleted, so no other transaction ever
    sees a row, and an open one locks no agent's state. The moments are `created_at` of successes.
    """

    __tablename__ = "agent_run_change"

    shard: Mapped[int] = mapped_column(Integer, primary_key=True)
    agent_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    runs: Mapped[int] = mapped_column(BigInteger)
    success_gained_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    success_lost_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
