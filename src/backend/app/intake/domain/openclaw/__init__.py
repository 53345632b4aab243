"""What OpenClaw says of its cron jobs and their runs, as facts; pure."""
