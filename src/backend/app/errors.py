"""What can go wrong, as one tree.

RunLogError
├── ConfigError            a setting is missing or wrong
├── BackupError            a backup could not be made or restored; nothing was changed
├── InputFileError         a file given to a command does not hold what it should
├── InvalidRunError        the run itself is refused (also a ValueError); nothing was stored
│   └── IdempotencyConflictError   the key was used for another payload
├── IngestUnavailableError the run could not be committed now; sending it again is safe to try
├── DatabaseError          the database cannot be reached, or refused a statement
├── ServerError            a server refused a request of the command line, or is none of ours
│   ├── InvalidRequestError        what was asked is not valid
│   └── ServerUnavailableError     it cannot be reached, or not answer now
├── NotFoundError          there is nothing by the name or id that was given
│   └── AmbiguousIdError   several begin so
├── ProofError             a proof, a checkpoint or a key proves nothing
│   ├── ProofFormatError           it has not the form that it should have
│   ├── ProofFailedError           it has the form, and what it claims is not so
│   └── ProofRangeError            the log has no such proof: it is not that long
└── SchemaError            the database's schema is not what the product needs
"""

from typing import Any, Self


class RunLogError(Exception):
    """Base of every error this product raises on purpose; its text is one plain sentence."""


class ConfigError(RunLogError):
    """A setting is missing or wrong."""


class BackupError(RunLogError):
    """A backup could not be made or restored; what was there before is there."""


class ArchiveError(RunLogError):
    """A month of the log cannot be archived, or not be restored from its file."""


class InputFileError(RunLogError):
    """A file given to a command does not hold what it should; the text names the file and the line."""


class InvalidRunError(RunLogError, ValueError):
    """The run is refused. `errors` has pydantic's shape: `type`, `loc`, `msg`; `input` is not shown."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__("; ".join(f"{'.'.join(str(p) for p in e['loc'])}: {e['msg']}" for e in errors))
        self.errors = errors

    @classmethod
    def of(cls, msg: str, *loc: str | int, type_: str = "value_error", input_: Any = None) -> Self:
        """One error at `loc`."""
        return cls([{"type": type_, "loc": list(loc), "msg": msg, "input": input_}])


class IdempotencyConflictError(InvalidRunError):
    """The idempotency key was used by this agent for another payload."""


class IngestUnavailableError(RunLogError):
    """The run could not be committed now: the database is away or slow, or the queue is full.

    Where the connection broke under its commit and no other could be opened for seconds, it may be committed
    nevertheless: only an idempotency key makes sending it again fully safe.
    """


class DatabaseError(RunLogError):
    """The database cannot be reached, or refused a statement."""


class ServerError(RunLogError):
    """A server refused what the command line asked of it, or is none of ours."""


class InvalidRequestError(ServerError):
    """What was asked of a server is not valid; the text names what of it."""


class ServerUnavailableError(ServerError):
    """The server cannot be reached, or cannot answer now; another try may succeed."""


class NotFoundError(RunLogError):
    """There is nothing by the name or id that was given."""


class AmbiguousIdError(NotFoundError):
    """What was given is the beginning of several ids; the text names some."""


class NotSealedError(RunLogError):
    """A run has no leaf in the log's tree yet."""


class ComparisonTimeoutError(RunLogError):
    """A comparison of the background verification takes longer than it may."""


class ProofError(RunLogError):
    """A proof, a checkpoint or a key proves nothing; the text says why."""


class ProofFormatError(ProofError):
    """What should be a proof, a checkpoint, a note or a key has not the form of one."""


class ProofFailedError(ProofError):
    """What a proof or a signature claims is not so: something was altered."""


class ProofRangeError(ProofError):
    """There is no such proof, of no tree: an index or a size lies beyond the tree's."""


class SchemaError(RunLogError):
    """The database's schema is not what the product needs and cannot be repaired safely."""
