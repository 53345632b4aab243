"""Sealing the log, after the commit, and erasing what is older than it is kept."""

import time

from app.config import Settings, get_settings
from app.db.session import transaction
from app.errors import NotSealedError, ProofFailedError
from app.logs import get_logger
from app.proof.adoption import adopt
from app.proof.calibration import PASS_SECONDS
from app.proof.checkpoints import key_history, make_checkpoint
from app.proof.domain.note import SigningKey
from app.proof.erasure import erase_old_payloads
from app.proof.keys import add_signing_key, read_signing_keys
from app.proof.sealing import seal_pending
from app.tasks.calibration import RETENTION_SECONDS
from app.tasks.celery_app import celery_app
from app.tasks.outage import postponed_on_outage
from app.tasks.pacing import new_pace
from app.tasks.passes import run_pass
from app.tasks.runtime import run_async

log = get_logger(__name__)

_pace = new_pace()


@celery_app.task
def seal_log() -> None:
    """Seal what was committed, and sign a checkpoint where one is due."""
    run_async(seal(get_settings()))


async def seal(settings: Settings, *, at_once: bool = False) -> None:
    """Seal for `PASS_SECONDS` at most; sign a checkpoint where one is due.

    While many runs come in and processors are short, a pass ends after one transaction. `at_once`, it gives
    way to nothing, and signs a checkpoint in any case.
    """
    ends = time.monotonic() + PASS_SECONDS
    with postponed_on_outage("sealing_postponed"):
        try:
            for step in (seal_pending, adopt, seal_pending):
                if not await run_pass(step, ends, None if at_once else _pace):
                    break
            async with transaction() as session:
                await make_checkpoint(session, await _signing_keys(settings), at_once=at_once)
        except ProofFailedError as error:
            # The tree was tampered with: nothing may be sealed over it, and `runlog verify` says what it is.
            log.error("sealing_stopped", error=str(error))  # noqa: TRY400  # no fault of the code


@celery_app.task
def erase_payloads() -> None:
    """Erase the payloads that are older than they are kept."""
    run_async(_erase_payloads())


async def _erase_payloads() -> None:
    days, ends = get_settings().payload_days, time.monotonic() + RETENTION_SECONDS
    if not days:
        return
    with postponed_on_outage("erasing_postponed"):
        try:
            await run_pass(lambda session: erase_old_payloads(session, days), ends)
        except NotSealedError:
            log.info("erasing_waits_for_sealing")


async def _signing_keys(settings: Settings) -> list[SigningKey]:
    """The keys in the file; a new one where this log never had any."""
    path = settings.signing_keys_path
    if keys := read_signing_keys(path):
        return keys
    async with transaction() as session:
        known = await key_history(session)
    if known:
        log.warning("signing_keys_missing", path=str(path), key=str(next(iter(known))))
        return []
    return [add_signing_key(path)]
