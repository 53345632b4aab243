"""The peer swarm's heartbeats: one row an agent, the latest wins."""

from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, Integer, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class PeerSwarmHeartbeat(Base):
    """An agent's latest heartbeat; `improvement_loops` counts within the UTC day of `heartbeat_at`."""

    __tablename__ = "peer_swarm_heartbeat"

    agent_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    role: Mapped[str | None] = mapped_column(String(255))
    improvement_loops: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    status: Mapped[str | None] = mapped_column(String(64))
    details: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))
    heartbeat_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))
