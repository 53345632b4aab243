"""Where each agent's log stands: derived from the log, kept in the same transaction."""

from datetime import datetime

from sqlalchemy import BigInteger, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base
from app.models.moments import LogMoment


class AgentRunState(Base):
    """One row an agent. Its row lock orders the commits of that agent's runs across processes.

    `changed_in` is the id of the last transaction that changed its runs behind the writer's back.
    """

    __tablename__ = "agent_run_state"
    # Updated on every run: room on the page keeps the updates heap-only.
    __table_args__ = {"postgresql_with": {"fillfactor": "50"}}  # noqa: RUF012

    agent_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    runs: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    silence_count: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    silence_count_before: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    last_created_at: Mapped[datetime] = mapped_column(LogMoment)
    last_success_at: Mapped[datetime | None] = mapped_column(LogMoment)
    changed_in: Mapped[int | None] = mapped_column(BigInteger)
