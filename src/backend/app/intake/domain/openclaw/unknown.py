"""What may be kept of an event that is not understood: no prompts, commands or credentials."""

import json
from typing import Any

from app.intake.domain.openclaw.calibration import MOST_OUTLINE, MOST_UNKNOWN
from app.intake.domain.openclaw.facts import UnknownFact
from app.intake.domain.openclaw.reading import storable
from app.kit.secrets import redact_json
from app.silent_texts import field_name

LEFT_OUT = "[left out]"

_PRIVATE = frozenset(
    {"message", "messages", "prompt", "prompts", "text", "content", "contents", "input", "inputs", "argv"}
    | {
        "args",
        "arguments",
        "command",
        "cmd",
        "params",
        "env",
        "environment",
        "system",
        "systemprompt",
        "stdin",
    }
)
"""Fields that hold what an agent was asked or a command line, as `field_name` writes them."""


def unknown(reason: str, body: Any, *, store_prompts: bool = False) -> UnknownFact:
    """The fact that `body` is not understood, with what may be kept of it."""
    if len(json.dumps(body, default=str)) > 8 * MOST_UNKNOWN:
        body = _outline(body)  # masking a long one would take long
    kept = body if store_prompts else _without_prompts(body)
    plain = _storable(json.loads(json.dumps(redact_json(kept), default=str)))
    if len(json.dumps(plain)) > MOST_UNKNOWN:
        plain = _outline(plain)
    return UnknownFact(reason, plain)


def _without_prompts(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: LEFT_OUT if field_name(key) in _PRIVATE and item else _without_prompts(item)
            for key, item in value.items()
        }
    return [_without_prompts(item) for item in value] if isinstance(value, list) else value


def _storable(value: Any) -> Any:
    if isinstance(value, dict):
        return {storable(key): _storable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_storable(item) for item in value]
    return storable(value) if isinstance(value, str) else value


def _outline(value: Any) -> Any:
    """The names of an object's fields and what kind of value each has."""
    if not isinstance(value, dict):
        return {"outline": type(value).__name__}
    return {
        "outline": {key[:100]: type(item).__name__ for key, item in list(value.items())[:MOST_OUTLINE]},
    }
