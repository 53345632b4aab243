"""The tables, one module each, and the triggers: some derive, others keep the log append-only."""

from app.models.agent import Agent
from app.models.agent_cloud import AgentCloudTask
from app.models.agent_outlook import AgentOutlook, AgentTrend
from app.models.agent_run_archive import AgentRunArchive, AgentRunArchivedCount
from app.models.agent_run_change import AgentRunChange
from app.models.agent_run_erasure import AgentRunErasure
from app.models.agent_run_log import AgentRunLog
from app.models.agent_run_report import AgentRunReport
from app.models.agent_run_score import AgentRunScore
from app.models.agent_run_start import AgentRunDuration, AgentRunStart
from app.models.agent_run_state import AgentRunState
from app.models.agent_run_usage import AgentRunUsage
from app.models.alert import AlertAttempt, AlertNotification
from app.models.append_only import GUARD_FUNCTIONS, GUARD_TRIGGERS
from app.models.audit_cycle import AuditCycleRecord
from app.models.audit_finding import AuditFinding
from app.models.base import Base
from app.models.checkpoint_delivery import CheckpointDelivery, CheckpointDestination
from app.models.derivation import (
    DERIVATION_TABLES,
    DERIVING_FUNCTIONS,
    DERIVING_TRIGGERS,
    FILLING_NOTHING,
)
from app.models.feedback import AgentRunFeedback
from app.models.idempotency import AgentRunIdempotencyKey
from app.models.judge_usage import JudgeOutcome, JudgeUsage
from app.models.openclaw import OpenClawDeclaration, OpenClawJob, OpenClawKeptEvent
from app.models.partitions import ADD_MONTHS
from app.models.peer_swarm import PeerSwarmHeartbeat
from app.models.reward_model import RewardModelVersion
from app.models.run_rollup import AgentRollup, RollupGap, RunRollup, ScoreRollup
from app.models.score_backfill import ScoreBackfill
from app.models.seal import SealAdoption, SealCheckpoint, SealLeaf, SealNode, SealPending
from app.models.sealing import SEALING_FUNCTIONS, SEALING_TABLES, SEALING_TRIGGERS
from app.models.search import SearchBlock, SearchProgress
from app.models.verification import SealVerification

FUNCTIONS = (*DERIVING_FUNCTIONS, *GUARD_FUNCTIONS.values(), *SEALING_FUNCTIONS, ADD_MONTHS)
"""All functions of the product: those of triggers, and the one that makes months."""

TRIGGERS = (*DERIVING_TRIGGERS, *GUARD_TRIGGERS, *SEALING_TRIGGERS)
"""All triggers of the product."""

__all__ = [
    "ADD_MONTHS",
    "DERIVATION_TABLES",
    "DERIVING_FUNCTIONS",
    "DERIVING_TRIGGERS",
    "FILLING_NOTHING",
    "FUNCTIONS",
    "GUARD_FUNCTIONS",
    "GUARD_TRIGGERS",
    "SEALING_FUNCTIONS",
    "SEALING_TABLES",
    "SEALING_TRIGGERS",
    "TRIGGERS",
    "Agent",
    "AgentCloudTask",
    "AgentOutlook",
    "AgentRollup",
    "AgentRunArchive",
    "AgentRunArchivedCount",
    "AgentRunChange",
    "AgentRunDuration",
    "AgentRunErasure",
    "AgentRunFeedback",
    "AgentRunIdempotencyKey",
    "AgentRunLog",
    "AgentRunReport",
    "AgentRunScore",
    "AgentRunStart",
    "AgentRunState",
    "AgentRunUsage",
    "AgentTrend",
    "AlertAttempt",
    "AlertNotification",
    "AuditCycleRecord",
    "AuditFinding",
    "Base",
    "CheckpointDelivery",
    "CheckpointDestination",
    "JudgeOutcome",
    "JudgeUsage",
    "OpenClawDeclaration",
    "OpenClawJob",
    "OpenClawKeptEvent",
    "PeerSwarmHeartbeat",
    "RewardModelVersion",
    "RollupGap",
    "RunRollup",
    "ScoreBackfill",
    "ScoreRollup",
    "SealAdoption",
    "SealCheckpoint",
    "SealLeaf",
    "SealNode",
    "SealPending",
    "SealVerification",
    "SearchBlock",
    "SearchProgress",
]
