"""Everything that beat starts, in one place. Each entry may be sent twice without harm."""

from typing import Any

from app.config import Settings
from app.proof.calibration import CHECKPOINT_SECONDS, SEAL_SECONDS, VERIFY_SECONDS

# Seconds between two messages of an entry; each task ends at once where there is nothing to do.
_MERGE_INTERVAL = 300.0
_STARTS_INTERVAL = 300.0
_EXPIRY_INTERVAL = 300.0
_JUDGE_INTERVAL = 60.0
_REWARD_INTERVAL = 60.0
_ERASING_INTERVAL = 60.0
ALERT_SECONDS = 10.0
INDEX_SECONDS = 10.0
BACKFILL_SECONDS = 10.0

_MIN_EXPIRY = 60.0
"""Seconds that a message waits for a worker at least: its processes may be busy for longer than an
interval."""


def beat_schedule(settings: Settings) -> dict[str, dict[str, Any]]:
    """Beat's entries. A message that no worker took for its interval, and a minute at least, expires."""
    judging = {
        "sweep-unjudged-runs": _entry("app.tasks.judge_tasks.sweep_unjudged_runs", _JUDGE_INTERVAL),
    }
    erasing = {"erase-old-payloads": _entry("app.tasks.seal_tasks.erase_payloads", _ERASING_INTERVAL)}
    return (
        (judging if settings.judge_is_on else {})
        | (erasing if settings.payload_days else {})
        | {
            "sweep-unscored-runs": _entry(
                "app.tasks.rlhf_tasks.sweep_unscored_runs", settings.score_sweep_interval
            ),
            "continue-score-backfills": _entry(
                "app.tasks.backfill_tasks.continue_backfills", BACKFILL_SECONDS
            ),
            "audit": _entry("app.tasks.audit_tasks.run_audit", settings.audit_interval),
            "train-reward-model": _entry("app.tasks.reward_tasks.train_reward_model", _REWARD_INTERVAL),
            "merge-rollups": _entry("app.tasks.rollup_tasks.merge_shards", _MERGE_INTERVAL),
            "clear-run-starts": _entry("app.tasks.rollup_tasks.clear_run_starts", _STARTS_INTERVAL),
            "expire-idempotency-keys": _entry(
                "app.tasks.rollup_tasks.expire_idempotency_keys", _EXPIRY_INTERVAL
            ),
            "seal-log": _entry("app.tasks.seal_tasks.seal_log", SEAL_SECONDS),
            "index-log": _entry("app.tasks.search_tasks.index_log", INDEX_SECONDS),
            "verify-log": _entry("app.tasks.verify_tasks.verify_log", VERIFY_SECONDS),
            "send-checkpoints": _entry("app.tasks.checkpoint_tasks.send_checkpoints", CHECKPOINT_SECONDS / 2),
            "deliver-alerts": _entry("app.tasks.alert_tasks.deliver_alerts", ALERT_SECONDS),
        }
    )


def _entry(task: str, seconds: float) -> dict[str, Any]:
    return {"task": task, "schedule": seconds, "options": {"expires": max(seconds, _MIN_EXPIRY)}}
