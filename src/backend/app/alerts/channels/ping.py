"""The dead man's switch: an outside monitor that raises the alarm when no ping comes."""

import asyncio

import httpx

from app.kit.urls import scrub
from app.logs import get_logger

log = get_logger(__name__)

# Together 17 seconds at most, of the 300 between two audits.
_TIMEOUT = 5.0  # seconds a try
_TRIES = 3
_PAUSE = 1.0  # seconds between tries


async def ping(url: str, *, healthy: bool) -> None:
    """Fetch `url`, or `url/fail` of a cycle that was not healthy.

    It is tried a few times within seconds; a failure is logged and no error.
    """
    reason = ""
    async with httpx.AsyncClient(timeout=_TIMEOUT) as client:
        for attempt in range(_TRIES):
            if attempt:
                await asyncio.sleep(_PAUSE)
            try:
                async with asyncio.timeout(_TIMEOUT):
                    answer = await client.get(_target(url, healthy))
            except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
                reason = str(error) or type(error).__name__
                continue
            if answer.is_success:
                return
            reason = f"HTTP {answer.status_code}"
    log.warning("ping_failed", reason=scrub(reason, url))


def _target(url: str, healthy: bool) -> httpx.URL:
    target = httpx.URL(url)
    return target if healthy else target.copy_with(path=f"{target.path.rstrip('/')}/fail")
