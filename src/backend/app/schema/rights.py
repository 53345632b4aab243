"""The four roles, and what each may do with each table: the one place that says so.

What the product does with a table besides reading it is `Rights.writer`. No table may lack an entry.
"""

from collections.abc import Mapping
from dataclasses import dataclass

OWNER = "runlog_owner"
"""Owns the tables and functions; `runlog schema sync` acts as it."""

WRITER = "runlog_writer"
"""Records, scores, audits and sends alerts: for `serve`, `worker` and `beat`."""

READER = "runlog_reader"
"""Reads what pages and the JSON show: for a replica, and for other programs."""

AUDITOR = "runlog_auditor"
"""Reads everything and writes nothing: for a person who checks the log."""

ROLES = (OWNER, WRITER, READER, AUDITOR)

_ALL = ("INSERT", "UPDATE", "DELETE")
_KEPT = ("INSERT", "UPDATE")


@dataclass(frozen=True)
class Rights:
    """What the writer may do with a table besides reading it, and whether it is shown to the reader.

    An `UPDATE (column)` is of that column alone.
    """

    writer: tuple[str, ...] = ()
    shown: bool = True

    def of(self, role: str) -> frozenset[str]:
        """The privileges of the writer, the reader or the auditor."""
        if role == WRITER:
            return frozenset(("SELECT", *self.writer))
        return frozenset(("SELECT",) if role == AUDITOR or self.shown else ())


RIGHTS: Mapping[str, Rights] = {
    "agent": Rights(_ALL),
    "agent_cloud_task": Rights(_KEPT),
    "agent_outlook": Rights(_ALL),
    "agent_rollup": Rights(_ALL),
    "agent_run_archive": Rights(),  # the owner archives
    "agent_run_archived_count": Rights(),
    "agent_run_change": Rights(shown=False),  # the triggers', with their owner's rights
    "agent_run_duration": Rights(("INSERT", "DELETE")),
    "agent_run_erasure": Rights(("INSERT",)),
    "agent_run_feedback": Rights(_ALL),
    "agent_run_idempotency_key": Rights(_ALL),
    "agent_run_log": Rights(
        (
            "INSERT",
            *(
                f"UPDATE ({column})"
                for column in (
                    *("rlhf_scores", "consecutive_silence_count"),
                    *(
                        "status",
                        "action_summary",
                        "actions_taken",
                    ),  # of merges and erasures; see the triggers
                )
            ),
        )
    ),
    "agent_run_report": Rights(("INSERT", "UPDATE (actions_taken)", "UPDATE (payload_digest)")),
    "agent_run_score": Rights(_ALL),
    "agent_run_start": Rights(_ALL),
    "agent_run_state": Rights(_KEPT),
    "agent_run_usage": Rights(_KEPT),
    "agent_trend": Rights(_ALL),
    "alert_attempt": Rights(_ALL),
    "alert_notification": Rights(_ALL),
    "audit_cycle": Rights(("INSERT", "DELETE")),
    "audit_finding": Rights(_KEPT),
    "checkpoint_delivery": Rights(_ALL),
    "checkpoint_destination": Rights(_ALL),
    "judge_outcome": Rights(_KEPT),
    "judge_usage": Rights(_KEPT),
    "openclaw_declaration": Rights(_KEPT),
    "openclaw_job": Rights(_KEPT),
    "openclaw_kept_event": Rights(_ALL),
    "peer_swarm_heartbeat": Rights(_KEPT),
    "reward_model": Rights(_KEPT),
    "rollup_gap": Rights(),
    "run_rollup": Rights(_ALL),
    "score_backfill": Rights(_KEPT),
    "score_rollup": Rights(_ALL),
    "seal_adoption": Rights(_KEPT),
    "seal_checkpoint": Rights(_KEPT),
    "search_block": Rights(("INSERT", "UPDATE")),
    "search_progress": Rights(("INSERT", "UPDATE")),
    "seal_leaf": Rights(("INSERT", "UPDATE (salt)", "UPDATE (body)")),  # of erasures
    "seal_node": Rights(("INSERT",)),
    "seal_pending": Rights(("DELETE",)),  # written by the triggers, with their owner's rights
    "seal_verification": Rights(_KEPT),
}

OF_PARTITIONS = Rights()
"""Of a partition by its own name: it is written to by its table alone."""
