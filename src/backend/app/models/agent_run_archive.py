"""The months of the log that are in files: what was taken out, and what it adds to the totals."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class AgentRunArchive(Base):
    """A month that is in a file, by its ids from `first_id` to before `end_id`; each change is sealed.

    `runs` are those that are in the file alone. `digest` is the SHA-256 of the file, in hexadecimal.
    """

    __tablename__ = "agent_run_archive"

    month: Mapped[str] = mapped_column(String(7), primary_key=True)
    first_id: Mapped[UUID]
    end_id: Mapped[UUID]
    runs: Mapped[int] = mapped_column(BigInteger)
    file: Mapped[str] = mapped_column(Text)
    digest: Mapped[str] = mapped_column(String(64))
    archived_by: Mapped[str] = mapped_column(Text)
    archived_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=text("clock_timestamp()")
    )


class AgentRunArchivedCount(Base):
    """How many runs of an agent are in the file of a month alone."""

    __tablename__ = "agent_run_archived_count"

    agent_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    month: Mapped[str] = mapped_column(String(7), primary_key=True)
    runs: Mapped[int] = mapped_column(BigInteger)
