"""What tests of real workers wait for, and have swept up soon."""

UNSCORED = "SELECT count(*) FROM agent_run_log WHERE rlhf_scores->'overall' IS NULL"
"""SQL of how many runs have no score yet."""

SWEEP_SOON = {"RUNLOG_SCORE_SWEEP_INTERVAL": "1", "RUNLOG_SCORE_SWEEP_AGE": "1"}
"""Environment of a worker and a beat that look each second for runs left without a score."""
