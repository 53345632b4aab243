"""Idempotency keys that have expired: a report with one of them makes a run of its own."""

from datetime import timedelta

from sqlalchemy import Interval, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.runs.calibration import KEYS_AT_ONCE

# What another call has locked is left to it; what is locked here stays where it is.
EXPIRE = text("""
DELETE FROM agent_run_idempotency_key WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM agent_run_idempotency_key
    WHERE created_at < now() - :kept
    ORDER BY created_at
    LIMIT :most
    FOR UPDATE SKIP LOCKED
))
""").bindparams(bindparam("kept", type_=Interval))
"""Removes at most `most` keys that were used longer ago than `kept`, the oldest first."""


async def expire_keys(session: AsyncSession, kept: timedelta) -> bool:
    """Remove keys that were used longer ago than `kept`, the oldest first; whether more may be left.

    At most `KEYS_AT_ONCE` of them, so that the transaction stays short.
    """
    removed = await session.execute(EXPIRE, {"kept": kept, "most": KEYS_AT_ONCE})
    return removed.rowcount == KEYS_AT_ONCE  # type: ignore[attr-defined,no-any-return]
