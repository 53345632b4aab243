"""One POST to a receiver, as webhooks and authorities take it."""

from collections.abc import Mapping

import httpx

from app.alerts.channels.answers import Answer
from app.alerts.channels.channel import Channel, DeliveryError


async def post(
    channel: Channel, url: str, body: bytes, headers: Mapping[str, str], *, most_bytes: int = 0
) -> Answer:
    """POST `body` to `url` within the time of `channel`; returns an answer of 2xx.

    No redirect is followed. The answer's body may be endless: no more of it is read than what exceeds
    `most_bytes`, and none without. Raises `DeliveryError`, without the channel's secrets, where the message
    is not taken.
    """
    async with httpx.AsyncClient(timeout=channel.timeout, follow_redirects=False) as client:
        try:
            sent = {"user-agent": "agent-run-log", **headers}
            async with client.stream("POST", url, content=body, headers=sent) as response:
                received = b""
                if most_bytes:
                    async for part in response.aiter_bytes():
                        received += part
                        if len(received) > most_bytes:
                            break
                answer = Answer(url, response.status_code, dict(response.headers), received)
        except httpx.TimeoutException as error:
            raise DeliveryError(f"no answer within {channel.timeout:g} s") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise DeliveryError(channel.scrub(str(error)) or type(error).__name__) from error
    if refusal := answer.error(channel.scrub):
        raise refusal
    return answer
