"""What can go wrong, as one tree.

AgentRunLogError
└── SpoolError           the spool cannot be used
    └── SpoolFullError   it, or its disk, is full

What reports runs raises none of these into an agent's work: its result says what went wrong. The spool
itself raises them.
"""


class AgentRunLogError(Exception):
    """Base of every error this package raises on purpose; its text is one plain sentence."""


class SpoolError(AgentRunLogError):
    """The spool cannot be used: it cannot be made, read or written, or belongs to another user."""


class SpoolFullError(SpoolError):
    """The spool or its disk is full; nothing that it holds was dropped."""
