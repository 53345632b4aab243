"""Why the database does not do what it was asked, in one plain sentence for a client."""

from collections.abc import Iterator

AWAY = "the database is not available"
SCHEMA_MISSING = (
    "the database lacks a table, a column or a function of this version: run `runlog schema sync`"
)
TOO_MUCH = (
    "the database did not finish this in its time or memory: ask for less (a smaller limit, a later since),"
    " or try again"
)

# SQLSTATEs (PostgreSQL documentation, appendix A): undefined table, column, function, object or schema, and
# an ON CONFLICT without its index.
_UNDEFINED = frozenset({"42P01", "42703", "42883", "42704", "3F000", "42P10"})
# A statement that was cancelled, no memory, and a result over a limit of the program.
_EXHAUSTED = frozenset({"57014", "53200", "54000"})
# Classes of SQLSTATEs: data exceptions, violated constraints and errors that a trigger raises.
_REFUSING = ("22", "23", "P0")
_ALLOCATION = "invalid memory alloc request size"  # an internal error to PostgreSQL


def problem(error: BaseException) -> str:
    """What is wrong, by the SQLSTATE of `error` or of one that it wraps; `AWAY` where that tells nothing."""
    for cause in _causes(error):
        state = getattr(cause, "sqlstate", None)
        if state in _UNDEFINED:
            return SCHEMA_MISSING
        if _is_exhausting(cause):
            return TOO_MUCH
    return AWAY


def is_exhausted(error: BaseException) -> bool:
    """Whether a statement took more time or memory than it may, as one row of gigabytes makes it."""
    return any(map(_is_exhausting, _causes(error)))


def _is_exhausting(cause: BaseException) -> bool:
    state = getattr(cause, "sqlstate", None)
    return state in _EXHAUSTED or isinstance(cause, TimeoutError | MemoryError) or _ALLOCATION in str(cause)


def is_refusal(error: BaseException) -> bool:
    """Whether the database refuses a row by what is in it, and would take others."""
    return any((getattr(cause, "sqlstate", None) or "").startswith(_REFUSING) for cause in _causes(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """`error`, and those it was raised from."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = getattr(seen, "orig", None) or seen.__cause__
