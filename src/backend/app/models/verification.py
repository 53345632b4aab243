"""How far the background verification of the log has come."""

from datetime import datetime

from sqlalchemy import BigInteger, DateTime, SmallInteger, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base

_NONE = text("0")


class SealVerification(Base):
    """The round that is under way, and the last one that ended: one row.

    A round began at `began_at`; of it are left the first `leaves_left` leaves, from their end to the first
    one, and then `tables_left` comparisons of tables. `problems` were found in it. `ended_at` is when the
    last whole round ended. `leaves` were ever verified. `checkpoint` is the newest one that was right.
    """

    __tablename__ = "seal_verification"

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    began_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    leaves_left: Mapped[int] = mapped_column(BigInteger)
    tables_left: Mapped[int] = mapped_column(SmallInteger)
    problems: Mapped[int] = mapped_column(BigInteger, server_default=_NONE)
    ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    leaves: Mapped[int] = mapped_column(BigInteger, server_default=_NONE)
    checkpoint: Mapped[str | None] = mapped_column(Text)
