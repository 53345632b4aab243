"""How fast runs come in now."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.runs.calibration import MIN_RATE_SECONDS, RATE_RUNS

# Of a second, so that no row that another program dated far away is computed with.
_SECONDS = text(
    "SELECT CAST(extract(epoch FROM statement_timestamp() - created_at) AS float8) FROM agent_run_log"
    " WHERE created_at BETWEEN statement_timestamp() - interval '1 second' AND statement_timestamp()"
    " ORDER BY created_at DESC OFFSET :others LIMIT 1"
)


async def arrival_rate(session: AsyncSession) -> float:
    """Runs a second, from when the newest `RATE_RUNS` began to be recorded up to now; 0 for fewer runs."""
    seconds = await session.scalar(_SECONDS, {"others": RATE_RUNS - 1})
    return 0.0 if seconds is None else RATE_RUNS / max(seconds, MIN_RATE_SECONDS)
