"""The signed JSON webhook, in the form of the Standard Webhooks specification."""

import json
import time
from dataclasses import replace

import httpx

from app.alerts.channels.answers import Answer
from app.alerts.channels.channel import Channel, DeliveryError
from app.alerts.domain.delivery import Delivery
from app.alerts.domain.room import Room, form_of
from app.kit.signature import sign


class Webhook(Channel):
    """POSTs to one URL. What is not answered with 2xx is not delivered; no redirect is followed."""

    def __init__(self, url: str, secret: str | None, timeout: float) -> None:
        self.secrets = (url, secret or "")
        self.timeout = timeout
        self._url, self._secret = url, secret

    async def send(self, delivery: Delivery) -> str:
        """Deliver it, signed with the present time."""
        if not self._secret:
            raise DeliveryError("RUNLOG_ALERT_WEBHOOK_SECRET is not set")
        message = form_of(delivery.message, Room(), delivery.rejections)
        body, message_id = _body(replace(delivery, message=message)), str(delivery.id)
        timestamp = int(time.time())
        headers = {
            "content-type": "application/json",
            "user-agent": "agent-run-log",
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign(self._secret, message_id, timestamp, body),
        }
        async with httpx.AsyncClient(timeout=self.timeout, follow_redirects=False) as client:
            try:
                answer = await _post(client, self._url, body, headers)
            except httpx.TimeoutException as error:
                raise DeliveryError(f"no answer within {self.timeout:g} s") from error
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise DeliveryError(self.scrub(str(error)) or type(error).__name__) from error
        if refusal := answer.error(self.scrub):
            raise refusal
        return f"HTTP {answer.status}" + ("" if message is delivery.message else ", shortened")


async def _post(client: httpx.AsyncClient, url: str, body: bytes, headers: dict[str, str]) -> Answer:
    # The body of the answer is not read: it may be endless.
    async with client.stream("POST", url, content=body, headers=headers) as response:
        return Answer(url, response.status_code, dict(response.headers))


def _body(delivery: Delivery) -> bytes:
    return json.dumps(
        {
            "type": f"alert.{delivery.kind}",
            "timestamp": delivery.created_at.isoformat(),
            "data": {
                "id": str(delivery.id),
                "severity": delivery.severity,
                "title": delivery.message.title,
                "text": delivery.message.text,
                **delivery.message.data,
            },
        },
        ensure_ascii=False,
    ).encode()
