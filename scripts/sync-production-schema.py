#!/usr/bin/env python3
"""Create or repair the tables of the database that DATABASE_URL names.

The same as `runlog schema sync|check|print`. Safe to run again, twice at once, and while runs
are being recorded.
"""

import argparse
import asyncio
import os
import sys
from pathlib import Path

try:
    from app.cli.commands import schema
    from app.config import get_settings
    from app.errors import RunLogError
    from app.models import DERIVATION_TABLES
    from app.schema.sync import sync_schema
except ModuleNotFoundError:
    venv = Path(__file__).resolve().parent.parent / ".venv"
    python = str(venv / "bin" / "python")
    if Path(sys.prefix) == venv or not Path(python).exists():
        sys.exit("Error: Agent Run Log is not installed for this Python; run scripts/up once")
    os.execv(python, [python, *sys.argv])  # noqa: S606


def sync_agent_table(url: str | None = None) -> list[str]:
    """Create or repair `agent` at `url`, by default DATABASE_URL; returns what was done."""
    return _sync("agent", url=url)


def sync_agent_cloud_task_table(url: str | None = None) -> list[str]:
    """Create or repair `agent_cloud_task` at `url`, by default DATABASE_URL; returns what was done."""
    return _sync("agent_cloud_task", url=url)


def sync_agent_outlook_table(url: str | None = None) -> list[str]:
    """Create or repair `agent_outlook` at `url`, by default DATABASE_URL; returns what was done."""
    return _sync("agent_outlook", url=url)


def sync_agent_rollup_table(url: str | None = None) -> list[str]:
    """Create or repair `agent_rollup` and all that is derived from the log together with it."""
    return _sync(*DERIVATION_TABLES, url=url)


def sync_agent_run_archive_table(url: str | None = None) -> list[str]:
    """Create or repair `agent_run_archive` at `url`, by default DATABASE_URL; returns what was done."""
    return _sync("agent_run_archive", url=url)


def sync_agent_run_archived_count_table(url: str | None = None) -> list[str]:
    """Create or repair `agent_run_archived_count` at `url`, by default DATABASE_URL."""
    return _sync("agent_run_archived_count", url=url)


def sync_agent_run_change_table(url: str | None = None) -> list[str]:
    """Create or repair `agent_run_change` and all that is derived from the log together with it."""
    return _sync(*DERIVATION_TABLES, url=url)


def sync_agent_run_log_table(url: str | None = None) -> list[str]:
    """Create or repair `agent_run_log` at `url`, by default DATABASE_URL; returns what was done."""
    return _sync("agent_run_log", url=url)


def sync_agent_run_duration_table(url: str | None = None) -> list[str]:
    """Create or repair `agent_run_duration`, and `agent_run_log`, which it refers to."""
    return _sync("agent_run_log", "agent_run_duration", url=url)


def sync_agent_run_erasure_table(url: str | None = None) -> list[str]:
    """Create or repair `agent_run_erasure`, and `agent_run_log`, which it refers to."""
    return _sync("agent_run_log", "agent_run_erasure", url=url)


def sync_agent_run_feedback_table(url: str | None = None) -> list[str]:
    """Create or repair `agent_run_feedback`, and `agent_run_log`, which it refers to."""
    return _sync("agent_run_log", "agent_run_feedback", url=url)


def sync_agent_run_idempotency_key_table(url: str | None = None) -> list[str]:
    """Create or repair `agent_run_idempotency_key` at `url`, by default DATABASE_URL."""
    return _sync("agent_run_idempotency_key", url=url)


def sync_agent_run_report_table(url: str | None = None) -> list[str]:
    """Create or repair `agent_run_report`, and `agent_run_log`, which it refers to."""
    return _sync("agent_run_log", "agent_run_report", url=url)


def sync_agent_run_score_table(url: str | None = None) -> list[str]:
    """Create or repair `agent_run_score`, and `agent_run_log`, which it refers to."""
    return _sync("agent_run_log", "agent_run_score", url=url)


def sync_agent_run_start_table(url: str | None = None) -> list[str]:
    """Create or repair `agent_run_start` at `url`, by default DATABASE_URL; returns what was done."""
    return _sync("agent_run_start", url=url)


def sync_agent_run_state_table(url: str | None = None) -> list[str]:
    """Create or repair `agent_run_state`; a new one is filled from the log."""
    return _sync("agent_run_state", url=url)


def sync_agent_run_usage_table(url: str | None = None) -> list[str]:
    """Create or repair `agent_run_usage`, and `agent_run_log`, which it refers to."""
    return _sync("agent_run_log", "agent_run_usage", url=url)


def sync_agent_trend_table(url: str | None = None) -> list[str]:
    """Create or repair `agent_trend` at `url`, by default DATABASE_URL; returns what was done."""
    return _sync("agent_trend", url=url)


def sync_alert_attempt_table(url: str | None = None) -> list[str]:
    """Create or repair `alert_attempt`, and `alert_notification`, which it refers to."""
    return _sync("alert_notification", "alert_attempt", url=url)


def sync_alert_notification_table(url: str | None = None) -> list[str]:
    """Create or repair `alert_notification` at `url`, by default DATABASE_URL."""
    return _sync("alert_notification", url=url)


def sync_audit_finding_table(url: str | None = None) -> list[str]:
    """Create or repair `audit_finding` at `url`, by default DATABASE_URL; returns what was done."""
    return _sync("audit_finding", url=url)


def sync_audit_cycle_table(url: str | None = None) -> list[str]:
    """Create or repair `audit_cycle` at `url`, by default DATABASE_URL; returns what was done."""
    return _sync("audit_cycle", url=url)


def sync_checkpoint_delivery_table(url: str | None = None) -> list[str]:
    """Create or repair `checkpoint_delivery` at `url`, by default DATABASE_URL; returns what was done."""
    return _sync("checkpoint_delivery", url=url)


def sync_checkpoint_destination_table(url: str | None = None) -> list[str]:
    """Create or repair `checkpoint_destination` at `url`, by default DATABASE_URL; returns what was done."""
    return _sync("checkpoint_destination", url=url)


def sync_judge_outcome_table(url: str | None = None) -> list[str]:
    """Create or repair `judge_outcome` at `url`, by default DATABASE_URL; returns what was done."""
    return _sync("judge_outcome", url=url)


def sync_judge_usage_table(url: str | None = None) -> list[str]:
    """Create or repair `judge_usage` at `url`, by default DATABASE_URL; returns what was done."""
    return _sync("judge_usage", url=url)


def sync_openclaw_declaration_table(url: str | None = None) -> list[str]:
    """Create or repair `openclaw_declaration` at `url`, by default DATABASE_URL; returns what was done."""
    return _sync("openclaw_declaration", url=url)


def sync_openclaw_job_table(url: str | None = None) -> list[str]:
    """Create or repair `openclaw_job` at `url`, by default DATABASE_URL; returns what was done."""
    return _sync("openclaw_job", url=url)


def sync_openclaw_kept_event_table(url: str | None = None) -> list[str]:
    """Create or repair `openclaw_kept_event` at `url`, by default DATABASE_URL; returns what was done."""
    return _sync("openclaw_kept_event", url=url)


def sync_peer_swarm_heartbeat_table(url: str | None = None) -> list[str]:
    """Create or repair `peer_swarm_heartbeat` at `url`, by default DATABASE_URL."""
    return _sync("peer_swarm_heartbeat", url=url)


def sync_rollup_gap_table(url: str | None = None) -> list[str]:
    """Create or repair `rollup_gap` and all that is derived from the log together with it."""
    return _sync(*DERIVATION_TABLES, url=url)


def sync_reward_model_table(url: str | None = None) -> list[str]:
    """Create or repair `reward_model` at `url`, by default DATABASE_URL; returns what was done."""
    return _sync("reward_model", url=url)


def sync_run_rollup_table(url: str | None = None) -> list[str]:
    """Create or repair `run_rollup` and all that is derived from the log together with it."""
    return _sync(*DERIVATION_TABLES, url=url)


def sync_score_backfill_table(url: str | None = None) -> list[str]:
    """Create or repair `score_backfill` at `url`, by default DATABASE_URL; returns what was done."""
    return _sync("score_backfill", url=url)


def sync_score_rollup_table(url: str | None = None) -> list[str]:
    """Create or repair `score_rollup` and all that is derived from the log together with it."""
    return _sync(*DERIVATION_TABLES, url=url)


def sync_seal_adoption_table(url: str | None = None) -> list[str]:
    """Create or repair `seal_adoption` at `url`, by default DATABASE_URL; returns what was done."""
    return _sync("seal_adoption", url=url)


def sync_seal_checkpoint_table(url: str | None = None) -> list[str]:
    """Create or repair `seal_checkpoint` at `url`, by default DATABASE_URL; returns what was done."""
    return _sync("seal_checkpoint", url=url)


def sync_search_block_table(url: str | None = None) -> list[str]:
    """Create or repair `search_block` at `url`, by default DATABASE_URL; returns what was done."""
    return _sync("search_block", url=url)


def sync_search_progress_table(url: str | None = None) -> list[str]:
    """Create or repair `search_progress` at `url`, by default DATABASE_URL; returns what was done."""
    return _sync("search_progress", url=url)


def sync_seal_leaf_table(url: str | None = None) -> list[str]:
    """Create or repair `seal_leaf` at `url`, by default DATABASE_URL; returns what was done."""
    return _sync("seal_leaf", url=url)


def sync_seal_node_table(url: str | None = None) -> list[str]:
    """Create or repair `seal_node` at `url`, by default DATABASE_URL; returns what was done."""
    return _sync("seal_node", url=url)


def sync_seal_pending_table(url: str | None = None) -> list[str]:
    """Create or repair `seal_pending` at `url`, by default DATABASE_URL; returns what was done."""
    return _sync("seal_pending", url=url)


def sync_seal_verification_table(url: str | None = None) -> list[str]:
    """Create or repair `seal_verification` at `url`, by default DATABASE_URL; returns what was done."""
    return _sync("seal_verification", url=url)


def _sync(*tables: str, url: str | None) -> list[str]:
    return asyncio.run(sync_schema(url or get_settings().require_schema_url(), tables))


def main() -> None:
    """Do what the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__)
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument(
        "--check", dest="command", action="store_const", const="check", help="report drift, change nothing"
    )
    choice.add_argument(
        "--print-sql",
        dest="command",
        action="store_const",
        const="print",
        help="print the DDL of a fresh database, without connecting",
    )
    parser.set_defaults(command="sync")
    try:
        schema.app([parser.parse_args().command])
    except RunLogError as error:
        sys.exit(f"{parser.prog}: {error}")


if __name__ == "__main__":
    main()
