"""Everything that beat starts, in one place. Each entry may be sent twice without harm."""

from typing import Any

from app.config import Settings

# Seconds between two messages of an entry; each task ends at once where there is nothing to do.
_MERGE_INTERVAL = 300.0
_STARTS_INTERVAL = 300.0
_EXPIRY_INTERVAL = 300.0
_JUDGE_INTERVAL = 60.0
_REWARD_INTERVAL = 60.0
ALERT_SECONDS = 10.0
BACKFILL_SECONDS = 10.0


def beat_schedule(settings: Settings) -> dict[str, dict[str, Any]]:
    """Beat's entries. A message that no worker took before the next one expires."""
    judging = {
        "sweep-unjudged-runs": {
            "task": "app.tasks.judge_tasks.sweep_unjudged_runs",
            "schedule": _JUDGE_INTERVAL,
            "options": {"expires": _JUDGE_INTERVAL},
        },
    }
    return (judging if settings.judge_is_on else {}) | {
        "sweep-unscored-runs": {
            "task": "app.tasks.rlhf_tasks.sweep_unscored_runs",
            "schedule": settings.score_sweep_interval,
            "options": {"expires": settings.score_sweep_interval},
        },
        "continue-score-backfills": {
            "task": "app.tasks.backfill_tasks.continue_backfills",
            "schedule": BACKFILL_SECONDS,
            "options": {"expires": BACKFILL_SECONDS},
        },
        "audit": {
            "task": "app.tasks.audit_tasks.run_audit",
            "schedule": settings.audit_interval,
            "options": {"expires": settings.audit_interval},
        },
        "train-reward-model": {
            "task": "app.tasks.reward_tasks.train_reward_model",
            "schedule": _REWARD_INTERVAL,
            "options": {"expires": _REWARD_INTERVAL},
        },
        "merge-rollups": {
            "task": "app.tasks.rollup_tasks.merge_shards",
            "schedule": _MERGE_INTERVAL,
            "options": {"expires": _MERGE_INTERVAL},
        },
        "clear-run-starts": {
            "task": "app.tasks.rollup_tasks.clear_run_starts",
            "schedule": _STARTS_INTERVAL,
            "options": {"expires": _STARTS_INTERVAL},
        },
        "expire-idempotency-keys": {
            "task": "app.tasks.rollup_tasks.expire_idempotency_keys",
            "schedule": _EXPIRY_INTERVAL,
            "options": {"expires": _EXPIRY_INTERVAL},
        },
        "deliver-alerts": {
            "task": "app.tasks.alert_tasks.deliver_alerts",
            "schedule": ALERT_SECONDS,
            "options": {"expires": ALERT_SECONDS},
        },
    }
