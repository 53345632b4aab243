"""Where checkpoints were sent: out of the reach of a person who can change the log."""

from datetime import datetime

from sqlalchemy import BigInteger, DateTime, Index, Integer, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class CheckpointDestination(Base):
    """A destination of checkpoints: the newest that it took, and how often others have failed since.

    `outcome` is of the last try, in words without secrets.
    """

    __tablename__ = "checkpoint_destination"

    destination: Mapped[str] = mapped_column(String(64), primary_key=True)
    tree_size: Mapped[int | None] = mapped_column(BigInteger)
    delivered_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    failures: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    outcome: Mapped[str] = mapped_column(Text)
    next_attempt_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class CheckpointDelivery(Base):
    """A checkpoint that a destination took."""

    __tablename__ = "checkpoint_delivery"
    __table_args__ = (Index("idx_checkpoint_delivery_delivered_at", text("delivered_at DESC")),)

    destination: Mapped[str] = mapped_column(String(64), primary_key=True)
    tree_size: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    delivered_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))
