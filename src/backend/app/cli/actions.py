"""The JSON object of a report, as a shell or a command gives it."""

from typing import Any

from app.kit import strict_json
from app.kit.strict_json import StrictJSONError


def read_actions(text: bytes) -> dict[str, Any]:
    """A JSON object that the server takes as `actions_taken`, with its numbers as they were written.

    Raises `StrictJSONError` saying what is wrong with it.
    """
    value = strict_json.loads(text)
    strict_json.check_text(value)
    if not isinstance(value, dict):
        raise StrictJSONError("it is no JSON object")
    return dict(strict_json.loads_as_decimals(text))
