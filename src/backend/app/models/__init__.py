"""The tables, one module each."""

from app.models.agent import Agent
from app.models.agent_cloud import AgentCloudTask
from app.models.agent_run_log import AgentRunLog
from app.models.agent_run_state import AgentRunState
from app.models.audit_finding import AuditFinding
from app.models.base import Base
from app.models.feedback import AgentRunFeedback
from app.models.idempotency import AgentRunIdempotencyKey
from app.models.peer_swarm import PeerSwarmHeartbeat

__all__ = [
    "Agent",
    "AgentCloudTask",
    "AgentRunFeedback",
    "AgentRunIdempotencyKey",
    "AgentRunLog",
    "AgentRunState",
    "AuditFinding",
    "Base",
    "PeerSwarmHeartbeat",
]
