"""Types of query parameters that several endpoints share."""

from typing import Annotated

from fastapi import Query
from pydantic import AfterValidator

from app.kit.cursors import AGENT_CURSOR_PATTERN, AgentCursor
from app.kit.moments import UtcMoment
from app.kit.storable import STORABLE

Moment = Annotated[UtcMoment | None, Query(description="ISO 8601; UTC where no offset is given.")]


def _checked_cursor(text: str) -> str:
    AgentCursor.decode(text)
    return text


LogText = Annotated[str | None, Query(max_length=255, pattern=STORABLE)]
AgentCursorText = Annotated[
    str | None,
    AfterValidator(_checked_cursor),
    Query(
        json_schema_extra={"pattern": AGENT_CURSOR_PATTERN}, description="`next_cursor` of the page before."
    ),
]
