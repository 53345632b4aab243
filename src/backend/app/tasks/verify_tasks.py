"""Verifying the log in the background, as beat starts it."""

import time
from collections.abc import Sequence

from app.alerts.outbox import announce
from app.audit.tampering import close_tampering, note_problems, open_tampering
from app.config import Settings, get_settings
from app.db.session import transaction
from app.errors import ComparisonTimeoutError
from app.kit.sql import database_now
from app.logs import get_logger
from app.models import SealVerification
from app.proof.calibration import VERIFY_PASS_SECONDS
from app.proof.problems import Problem
from app.proof.rounds import current_round, has_ended, lock_rounds, verify_next, verify_present
from app.proof.verify_bounded import snapshot
from app.tasks.celery_app import celery_app
from app.tasks.outage import postponed_on_outage
from app.tasks.pacing import new_pace
from app.tasks.runtime import run_async
from app.wiring import alert_settings

log = get_logger(__name__)

_pace = new_pace()


@celery_app.task
def verify_log() -> None:
    """Verify the next part of the log; what was altered becomes a finding and an alert at once."""
    run_async(verify_some(get_settings()))


async def verify_some(settings: Settings) -> None:
    """One pass: what is there now, and then the round's next steps, for `VERIFY_PASS_SECONDS` at most.

    While many runs come in and processors are short, it ends after one of the round's steps. It does nothing
    while another pass is under way. What was found is kept where a later step fails, too.
    """
    ends = time.monotonic() + VERIFY_PASS_SECONDS
    url = settings.require_database_url()
    with postponed_on_outage("verification_postponed"):
        async with transaction() as locked:
            if not await lock_rounds(locked):
                return
            async with transaction() as session:
                progress = await current_round(session)
            problems: list[Problem] = []
            try:
                async with snapshot(url) as state:
                    problems += await verify_present(state, progress)
                    while not has_ended(progress):
                        _pace.begin()
                        problems += await verify_next(state, progress)
                        if time.monotonic() >= ends or await _pace.must_give_way():
                            break
            except ComparisonTimeoutError as error:
                log.warning("comparison_left_out", error=str(error))
            finally:
                await _keep(settings, progress, problems)


async def _keep(settings: Settings, progress: SealVerification, problems: Sequence[Problem]) -> None:
    """Keep how far the round has come and what is wrong, with the alert about that, in one transaction."""
    if problems:
        log.error("log_tampered", problems=len(problems), first=problems[0].message)
    async with transaction() as session:
        now, closed = await database_now(session), []
        await note_problems(session, (each.message for each in problems))
        if has_ended(progress):
            progress.ended_at = now
            if not progress.problems:
                closed = await close_tampering(session, since=progress.began_at)
        await session.merge(progress)
        finding = await open_tampering(session)
        await announce(session, alert_settings(settings), now, [finding] if finding else [], closed)
