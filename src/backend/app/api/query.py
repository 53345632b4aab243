"""Types of query parameters that several endpoints share."""

from typing import Annotated

from fastapi import Query

from app.kit.moments import UtcMoment
from app.kit.storable import STORABLE

Moment = Annotated[UtcMoment | None, Query(description="ISO 8601; UTC where no offset is given.")]
LogText = Annotated[str | None, Query(max_length=255, pattern=STORABLE)]
