"""Versions of the reward model, in force or not."""

from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, Index, Integer, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class RewardModelVersion(Base):
    """What a training came to. `state` is `promoted`, `rejected`, or `withdrawn` (once promoted).

    In force is the newest that is promoted and was trained on this version of the rubric (`rubric`).
    `rated_until` is when the newest rating was given that it learnt from; `ratings`, `raters` and `runs` are
    how many these were.
    """

    __tablename__ = "reward_model"
    __table_args__ = (
        Index(
            "idx_reward_model_promoted",
            "version",
            postgresql_where=text("((state)::text = 'promoted'::text)"),
        ),
    )

    version: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    trained_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))
    rubric: Mapped[str] = mapped_column(String(255))
    rated_until: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    ratings: Mapped[int] = mapped_column(Integer)
    raters: Mapped[int] = mapped_column(Integer)
    runs: Mapped[int] = mapped_column(Integer)
    parameters: Mapped[dict[str, Any]] = mapped_column(JSONB)
    report: Mapped[dict[str, Any]] = mapped_column(JSONB)
    state: Mapped[str] = mapped_column(String(16))
    promoted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    withdrawn_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
