"""Masking for commands that start at once: its patterns take longer to compile than all else is loaded."""

from typing import Any


def masked_text(text: str) -> str:
    """`text` without secrets."""
    from app.kit.secrets import redact

    return redact(text)


def masked(actions: dict[str, Any]) -> dict[str, Any]:
    """`actions` without secrets; a log that is kept for ever is no place for what a terminal may show."""
    if not actions:
        return actions
    from app.kit.secrets import redact_json

    return dict(redact_json(actions))
