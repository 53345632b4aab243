"""What an exception says of a failed run, without the values of any variable."""

import traceback
from typing import Any

# Frames of the stack, the innermost of which say most, and exceptions of a group.
_FRAMES = 8
_MEMBERS = 5
# Characters of one exception's text: a page.
_LONGEST_TEXT = 2_000


def diagnosis(error: BaseException) -> dict[str, Any]:
    """The error's type and message, its last frames, what it came of, and what it is a group of.

    `{"error": "ValueError: no such file", "traceback": ["app.py:12 in main", …], "caused_by": ["KeyError:
    'a'"]}`
    """
    found: dict[str, Any] = {"error": _text(error)}
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    if frames:
        found["traceback"] = [f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in frames]
    if causes := _causes(error):
        found["caused_by"] = causes
    if isinstance(error, BaseExceptionGroup):
        found["errors"] = [_text(each) for each in error.exceptions[:_MEMBERS]]
    return found


def _causes(error: BaseException) -> list[str]:
    """The chain of exceptions before this one, the nearest first."""
    causes: list[BaseException] = []
    cause = error
    while len(causes) < _MEMBERS:
        before = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
        if before is None or before in causes or before is error:
            break
        causes.append(before)
        cause = before
    return [_text(each) for each in causes]


def _text(error: BaseException) -> str:
    lines = traceback.format_exception_only(type(error), error)  # also where its own text cannot be made
    return "".join(lines[-1:] if isinstance(error, SyntaxError) else lines).strip()[:_LONGEST_TEXT]
