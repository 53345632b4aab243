"""The background verification: rounds over the whole log, again and again, in steps of bounded work.

A round goes from the newest leaves to the oldest, a part a step, and then compares one table after the
other. How far it has come is kept in `seal_verification`. A pass (`app.tasks.verify_tasks`) takes the next
steps of the round; it also looks each time at the guards, at the newest checkpoint and at the newest leaves.
"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import ComparisonTimeoutError
from app.kit.sql import database_now
from app.models import SealVerification
from app.proof.calibration import COMPARISON_SECONDS
from app.proof.problems import Problem
from app.proof.tree_store import tree_size
from app.proof.verify_bounded import Snapshot, verify_guards, verify_newest_checkpoint, verify_part_before
from app.proof.verify_tables import COMPARISONS

_LOCK = text(f"SELECT pg_try_advisory_xact_lock({0x766572696679})")  # "verify"
_BACKDATED = "backdated"
"""What an import of history by SQL does too: it is in the log as such, and `runlog verify` names it."""


async def lock_rounds(session: AsyncSession) -> bool:
    """Take the right to verify in the background, until the transaction ends; False while another has it."""
    return bool(await session.scalar(_LOCK))


async def current_round(session: AsyncSession) -> SealVerification:
    """The round that is under way, or a new one where the last one has ended."""
    known = await session.get(SealVerification, 1)
    if known and not has_ended(known):
        known.tables_left = min(known.tables_left, len(COMPARISONS))  # an older version may have had more
        return known
    now, size = await database_now(session), await tree_size(session)
    if known is None:
        known = SealVerification(id=1, leaves=0)
    known.began_at, known.leaves_left, known.tables_left, known.problems = now, size, len(COMPARISONS), 0
    session.add(known)
    return known


async def verify_present(log: Snapshot, progress: SealVerification) -> list[Problem]:
    """The guards, the newest checkpoint, and the newest leaves unless the round begins with them."""
    problems = await verify_guards(log)
    found, progress.checkpoint = await verify_newest_checkpoint(log, progress.checkpoint)
    if log.size > progress.leaves_left:
        newest, first = await verify_part_before(log, log.size)
        found += newest
        progress.leaves += log.size - first
    return _noted(progress, problems + found)


async def verify_next(log: Snapshot, progress: SealVerification) -> list[Problem]:
    """The next step of the round, which `progress` is brought forward by; returns what is wrong.

    Raises `ComparisonTimeoutError` where a comparison took too long. It is left out of this round, and the
    snapshot is of no more use.
    """
    if end := progress.leaves_left:
        problems, first = await verify_part_before(log, end)
        progress.leaves_left, progress.leaves = first, progress.leaves + end - first
        return _noted(progress, problems)
    comparison = COMPARISONS[-progress.tables_left]
    progress.tables_left -= 1
    try:
        connection = await log.session.connection()
        found = [each async for each in comparison.problems(connection) if each.what != _BACKDATED]
    except TimeoutError:
        progress.problems += 1  # what was not compared is not known to be right
        message = f"comparing {comparison.what} takes over {COMPARISON_SECONDS:.0f} seconds"
        raise ComparisonTimeoutError(message) from None
    return _noted(progress, found)


def _noted(progress: SealVerification, problems: list[Problem]) -> list[Problem]:
    progress.problems += len(problems)
    return problems


def has_ended(progress: SealVerification) -> bool:
    """Whether all of the round is verified."""
    return not (progress.leaves_left or progress.tables_left)
