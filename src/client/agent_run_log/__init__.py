"""Report what a scheduled agent did to an Agent Run Log."""

from agent_run_log._errors import AgentRunLogError, SpoolError, SpoolFullError

__all__ = ["AgentRunLogError", "SpoolError", "SpoolFullError"]
