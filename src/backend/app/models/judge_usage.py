"""What judging cost, by UTC days: its budget, and how the calls went."""

from datetime import date

from sqlalchemy import BigInteger, Date, Double, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base

_NONE = text("0")


class JudgeUsage(Base):
    """A day's calls to the judge, counted before they are made, and the tokens that were answered for."""

    __tablename__ = "judge_usage"

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    calls: Mapped[int] = mapped_column(Integer, server_default=_NONE)
    prompt_tokens: Mapped[int] = mapped_column(BigInteger, server_default=_NONE)
    completion_tokens: Mapped[int] = mapped_column(BigInteger, server_default=_NONE)


class JudgeOutcome(Base):
    """A day's calls that ended in one way, and the seconds they took together."""

    __tablename__ = "judge_outcome"

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    outcome: Mapped[str] = mapped_column(String(32), primary_key=True)
    calls: Mapped[int] = mapped_column(Integer, server_default=_NONE)
    seconds: Mapped[float] = mapped_column(Double, server_default=_NONE)
